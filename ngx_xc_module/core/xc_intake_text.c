#include "xc_intake_write.h"

/*
 * Plain content first: without the style sheet the page reads the same.
 * Nothing is fetched and nothing runs.  Tables turn into stacked rows on a
 * phone, where each cell says its column's name.
 */
static const char  xc_intake_css[] =
    ":root{color-scheme:light dark;--line:#c8cdd3;--soft:#f3f5f7;"
        "--ink:#1b1f24;--dim:#4a5560;--link:#0a4fa3;--mark:#8a2b06}"
    "@media(prefers-color-scheme:dark){:root{--line:#3a424b;--soft:#1d2329;"
        "--ink:#e6e9ec;--dim:#a9b4bf;--link:#86b8ff;--mark:#ffb38f}"
        "body{background:#12161a}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:56rem;padding:1.25rem 1rem 3rem;"
        "color:var(--ink);font:1rem/1.65 system-ui,-apple-system,"
        "\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",sans-serif;"
        "overflow-wrap:anywhere}"
    "h1{font-size:1.6rem;line-height:1.3;margin:.4rem 0 .2rem}"
    "h2{font-size:1.15rem;line-height:1.4;margin:2rem 0 .6rem;"
        "padding-bottom:.25rem;border-bottom:1px solid var(--line)}"
    "p,ul{margin:.5rem 0}ul{padding-left:1.3rem}"
    "a{color:var(--link)}"
    ".lang{text-align:right;margin:0}"
    ".of{margin:0;color:var(--dim)}"
    ".say{margin:1.2rem 0;padding:.6rem 1rem;background:var(--soft);"
        "border-left:.3rem solid var(--mark)}"
    "table{width:100%;border-collapse:collapse;margin:.6rem 0}"
    "caption{text-align:left;font-weight:600;padding:.4rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;"
        "border:1px solid var(--line)}"
    "thead th{background:var(--soft)}"
    "th[scope=row]{font-weight:600;width:11rem}"
    "code{font:.92em ui-monospace,SFMono-Regular,Consolas,monospace}"
    "footer{margin-top:2.5rem;color:var(--dim);font-size:.92rem}"
    ".f td{width:50%}"
    "@media(max-width:40rem){"
        "tr,th,td,th[scope=row]{display:block;width:auto}"
        ".c thead{position:absolute;width:1px;height:1px;overflow:hidden;"
            "clip-path:inset(50%)}"
        "tr{border:1px solid var(--line);border-bottom:0;padding:.3rem .2rem}"
        "tr:last-child{border-bottom:1px solid var(--line)}"
        "th,td{border:0;padding:.15rem .6rem}td:empty{display:none}"
        "td[data-c]::before{content:attr(data-c);display:block;"
            "color:var(--dim);font-size:.85rem}"
        ".f tr{display:flex;padding:0}.f th,.f td{flex:4;padding:.35rem .5rem}"
        ".f td:first-child,.f th:first-child{flex:5;font-size:.9rem}}"
    "@media print{body{max-width:none;padding:0;font-size:10.5pt;"
        "background:#fff;color:#000}.lang{display:none}"
        ".say{border:1px solid #000}tr,li{break-inside:avoid}"
        "h2,caption{break-after:avoid}a{color:#000}}";

const char *const  xc_intake_labels[XC_T_COUNT][XC_INTAKE_LANGS] = {
    [XC_T_OTHER_LANG] = { "English", "中文" },
    [XC_T_COLON] = { "：", ": " },
    [XC_T_PLATFORM] = { "平台", "Platform" },
    [XC_T_NAME] = { "名称", "Name" },
    [XC_T_USCC] = { "统一社会信用代码", "Unified social credit code" },
    [XC_T_URL] = { "网址", "Web site" },
    [XC_T_ROLE] = { "主体类型", "Kind of addressee" },
    [XC_T_CHANNELS] = { "接收渠道", "Channels" },
    [XC_T_TYPE] = { "方式", "Way" },
    [XC_T_ADDRESS] = { "地址", "Address" },
    [XC_T_HOURS] = { "受理时间", "Hours" },
    [XC_T_NOTE] = { "说明", "Note" },
    [XC_T_CONTACTS] = { "联系方式", "Contacts" },
    [XC_T_PHONE] = { "电话", "Telephone" },
    [XC_T_EMAIL] = { "电子邮件", "E-mail" },
    [XC_T_REGISTER] = { "公钥登记", "Registering a key" },
    [XC_T_SIGNATURE] = { "请求签名", "Signing a request" },
    [XC_T_SCHEME] = { "凭证", "Credential" },
    [XC_T_SCHEME_MTLS] = { "客户端证书（TLS）", "client certificate (TLS)" },
    [XC_T_SCHEME_JWT] = { "令牌（JWT）", "token (JWT)" },
    [XC_T_OR] = { "，或者 ", ", or " },
    [XC_T_AND] = { " 与 ", " and " },
    [XC_T_SCHEME_HTTPSIG] = { "HTTP 消息签名（RFC 9421）",
                              "HTTP message signature (RFC 9421)" },
    [XC_T_ALGORITHMS] = { "可用算法", "Accepted algorithms" },
    [XC_T_COVERED] = { "必须覆盖", "Must cover" },
    [XC_T_COVERED_IF] = { "有查询串或正文时还须覆盖",
                          "With a query or a body also" },
    [XC_T_PARAMETERS] = { "签名参数", "Parameters" },
    [XC_T_NONCE] = { "随机数 nonce", "Nonce" },
    [XC_T_NONCE_REQUIRED] = { "必须提供，每次请求使用新的值",
                              "required, a new one for each request" },
    [XC_T_NONCE_OPTIONAL] = { "可选，提供时每次请求使用新的值",
                              "optional; where given, a new one each time" },
    [XC_T_TAG] = { "标签 tag", "Tag" },
    [XC_T_WINDOW] = { "时间要求", "Time" },
    [XC_T_WINDOW_A] = { "签名自 created 起 ", "A signature holds for " },
    [XC_T_WINDOW_B] = { " 秒内有效，允许时钟偏差 ",
                        " seconds from created; clocks may differ by " },
    [XC_T_WINDOW_C] = { " 秒。", " seconds." },
    [XC_T_PURPOSES] = { "协查目的", "Purposes" },
    [XC_T_FIELDS] = { "标准化字段", "Standard fields" },
    [XC_T_FIELD_ID] = { "字段编号", "Field id" },
    [XC_T_FIELD_TITLE] = { "字段名称", "Title" },
    [XC_T_BASIS] = { "依据", "Legal basis" },
    [XC_T_UPDATED] = { "更新日期", "Updated" },
    [XC_T_EXPIRES] = { "有效期至", "Valid until" },
    [XC_T_POLICY] = { "策略", "Policy" },
    [XC_T_MACHINE] = {
        "本页另有机器可读版本：以 Accept: application/json 请求同一地址。",
        "For machines: request this address with Accept: application/json." }
};


xc_str_t
xc_intake_style(void)
{
    return XC_STR(xc_intake_css);
}
