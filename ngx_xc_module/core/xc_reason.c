#include "xc_reason.h"


static const xc_reason_info_t  xc_reasons[XC_REASON_COUNT] = {
#define XC_REASON(symbol, code, status, fault, basis, title, title_zh, remedy) \
    [XC_REASON_##symbol] = { { code, sizeof(code) - 1 }, status,              \
        XC_FAULT_##fault, XC_BASIS_##basis, { title, sizeof(title) - 1 },     \
        { title_zh, sizeof(title_zh) - 1 }, { remedy, sizeof(remedy) - 1 } },
#include "xc_reason.def"
#undef XC_REASON
};


const xc_reason_info_t *
xc_reason_info(xc_reason_t reason)
{
    if (reason <= XC_REASON_NONE || reason >= XC_REASON_COUNT) {
        reason = XC_REASON_INTERNAL_ERROR;
    }

    return &xc_reasons[reason];
}
