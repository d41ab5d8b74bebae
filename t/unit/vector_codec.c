/* What the codecs make of an input. */

#include "vector_ask.h"
#include "xc_buf.h"
#include "xc_json.h"
#include "xc_sfv.h"


/* n: in thousandths, as the vectors don't tell 1 from 1.0 when decoded */
static void
print_bare(const xc_sfv_bare_t *bare)
{
    static const char  letters[] = "nnstb?@u";

    printf("%c", letters[bare->type]);

    if (bare->type == XC_SFV_INTEGER) {
        printf("%lld", (long long) bare->number * 1000);

    } else if (letters[bare->type] == 'n' || bare->type == XC_SFV_BOOLEAN
               || bare->type == XC_SFV_DATE)
    {
        printf("%lld", (long long) bare->number);

    } else {
        print_hex(bare->text);
    }
}


static void
print_params(const xc_sfv_item_t *item)
{
    size_t  i;

    for (i = 0; i < item->n_params; i++) {
        printf(";" XC_STR_FMT "=", XC_STR_ARG(item->params[i].name));
        print_bare(&item->params[i].value);
    }
}


static void
print_item(const xc_sfv_item_t *item)
{
    size_t  i;

    if (item->bare.type != XC_SFV_INNER_LIST) {
        print_bare(&item->bare);
        print_params(item);
        return;
    }

    printf("(");

    for (i = 0; i < item->n_items; i++) {
        printf(" ");
        print_bare(&item->items[i].bare);
        print_params(&item->items[i]);
    }

    printf(")");
    print_params(item);
}


static void
print_canonical(const xc_buf_t *b)
{
    printf("\t");
    print_hex(b->overflow ? XC_STR("overflow") : xc_buf_view(b));
    printf("\n");
}


static void
answer_item(xc_str_t field)
{
    char           mem[65536];
    xc_buf_t       b;
    xc_sfv_item_t  item;

    if (xc_sfv_parse_item(&heap.arena, field, &item) != XC_OK) {
        printf("refused\n");
        return;
    }

    printf("ok\t");
    print_item(&item);

    xc_buf_init(&b, mem, sizeof(mem));
    xc_sfv_write_item(&b, &item);
    print_canonical(&b);
}


static void
answer_list(xc_str_t field, bool keyed)
{
    char           mem[65536];
    size_t         i;
    xc_rc_t        rc;
    xc_buf_t       b;
    xc_sfv_list_t  list = { NULL, 0, false };

    rc = keyed ? xc_sfv_parse_dict(&heap.arena, field, &list)
               : xc_sfv_parse_list(&heap.arena, field, &list);
    if (rc != XC_OK) {
        printf("refused\n");
        return;
    }

    printf("ok\t");

    for (i = 0; i < list.n; i++) {
        printf("," XC_STR_FMT "=", XC_STR_ARG(list.members[i].key));
        print_item(&list.members[i].item);
    }

    xc_buf_init(&b, mem, sizeof(mem));

    if (keyed) {
        xc_sfv_write_dict(&b, &list);

    } else {
        xc_sfv_write_list(&b, &list);
    }

    print_canonical(&b);
}


static void
answer_json(xc_str_t text)
{
    xc_rc_t           rc;
    xc_json_error_t   err = { 0, 0, "" };
    const xc_json_t  *root;

    rc = xc_json_parse(&heap.arena, text, 512, &err, &root);
    printf("%s\t%s\n", rc == XC_OK ? "ok" : "refused", err.message);
}


/* The key's text, the message, the signature. */
static void
answer_ed25519(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc;
    const char      *error = "";
    const xc_key_t  *key;

    rc = xc_key_public(&heap.arena, XC_ALG_ED25519, args[0], &error, &key);
    if (rc == XC_OK) {
        rc = xc_key_verify(key, args[1], args[2]);
    }

    printf("%s\t%s\n", rc == XC_OK ? "ok" : "refused", error);
}


/* The key, the message, the tag: the verdict, and the whole MAC. */
static void
answer_hmac(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc;
    uint8_t          out[XC_SHA256_SIZE] = { 0 };
    const char      *error = "";
    const xc_key_t  *key;
    const xc_mac_t  *mac;

    rc = xc_key_secret(&heap.arena, XC_ALG_HMAC_SHA256, args[0], &error, &key);
    if (rc == XC_OK) {
        rc = xc_key_verify(key, args[1], args[2]);
    }

    printf("%s\t%s\t", rc == XC_OK ? "ok" : "refused", error);

    if (xc_mac_new(&heap.arena, args[0], &mac) == XC_OK
        && xc_mac_compute(mac, args[1], out) == XC_OK)
    {
        print_hex((xc_str_t) { (char *) out, sizeof(out) });
    }

    printf("\n");
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    if (strcmp(word, "json") == 0) {
        answer_json(args[0]);

    } else if (strcmp(word, "item") == 0) {
        answer_item(args[0]);

    } else if (strcmp(word, "list") == 0) {
        answer_list(args[0], false);

    } else if (strcmp(word, "dictionary") == 0) {
        answer_list(args[0], true);

    } else if (strcmp(word, "ed25519") == 0) {
        answer_ed25519(args);

    } else if (strcmp(word, "hmac") == 0) {
        answer_hmac(args);

    } else {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }
}


int
main(void)
{
    return ask_all(answer);
}
