/* Ids of records: each drawn once, and what a generator that fails leaves. */

#include "xt.h"
#include "xc_hash.h"
#include "xc_id.h"


#define MANY  (3 * XC_ID_DRAWN + 1)

static unsigned  draws;
static bool      broken;

xc_rc_t __wrap_xc_random(void *buf, size_t len);


/* Counts: each octet of a draw tells the draw and the place apart. */
xc_rc_t
__wrap_xc_random(void *buf, size_t len)
{
    size_t   i;
    uint8_t *p = buf;

    memset(buf, 0xee, len);

    if (broken) {
        return XC_EINTERNAL;
    }

    draws++;

    for (i = 0; i + 4 <= len; i += 4) {
        p[i] = (uint8_t) draws;
        p[i + 1] = (uint8_t) (i >> 8);
        p[i + 2] = (uint8_t) i;
        p[i + 3] = 0xa5;
    }

    return XC_OK;
}


static bool
is_hex(const char *id)
{
    size_t  i;

    for (i = 0; i < XC_ID_SIZE; i++) {
        if ((id[i] < '0' || id[i] > '9') && (id[i] < 'a' || id[i] > 'f')) {
            return false;
        }
    }

    return true;
}


static void
test_many(void)
{
    bool             hex = true, once = true, ok = true;
    size_t           i, j;
    static char      given[MANY][XC_ID_SIZE];
    static xc_ids_t  ids;

    for (i = 0; i < MANY; i++) {
        ok = ok && xc_id_next(&ids, given[i]) == XC_OK;
        hex = hex && is_hex(given[i]);

        for (j = 0; j < i; j++) {
            once = once && memcmp(given[i], given[j], XC_ID_SIZE) != 0;
        }
    }

    xt_ok(ok, "ids are given");
    xt_ok(hex, "32 digits of lower-case hexadecimal");
    xt_ok(once, "each once");
    xt_ok(draws == 4, "drawn for %d at a time", XC_ID_DRAWN);
}


static void
test_wiped(void)
{
    char             id[XC_ID_SIZE];
    bool             zero = true;
    size_t           i, n;
    static xc_ids_t  ids;

    for (n = 0; n < XC_ID_DRAWN && xc_id_next(&ids, id) == XC_OK; n++) {
        for (i = ids.left * XC_ID_OCTETS; i < sizeof(ids.octets); i++) {
            zero = zero && ids.octets[i] == 0;
        }
    }

    xt_ok(n == XC_ID_DRAWN && ids.left == 0 && zero,
          "no octet stays that has been given");
}


static void
test_broken(void)
{
    char             id[XC_ID_SIZE];
    static xc_ids_t  ids;

    memset(id, '#', sizeof(id));
    broken = true;

    xt_ok(xc_id_next(&ids, id) == XC_EINTERNAL && id[0] == '#'
          && id[XC_ID_SIZE - 1] == '#', "no id without randomness");
    xt_ok(xc_id_next(&ids, id) == XC_EINTERNAL && id[0] == '#',
          "nor from what such a draw left");

    broken = false;
    xt_ok(xc_id_next(&ids, id) == XC_OK && is_hex(id)
          && memcmp(id, "eeee", 4) != 0, "until there is some again");
}


int
main(void)
{
    test_many();
    test_wiped();
    test_broken();

    return xt_done();
}
