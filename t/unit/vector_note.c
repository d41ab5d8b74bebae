/* What the core makes of others' signed notes, verifier keys and checkpoints:
 * see vector_ask.h. */

#include "vector_ask.h"
#include "xc_tlog.h"


/* A verifier key: how it is written. */
static void
answer_vkey(xc_str_t vkey)
{
    char            mem[XC_NOTE_VKEY_MAX];
    xc_buf_t        b;
    const char     *error = "";
    xc_note_key_t   key;

    if (xc_note_key_read(&heap.arena, vkey, &error, &key) != XC_OK) {
        printf("refused\t%s\n", error);
        return;
    }

    xc_buf_init(&b, mem, sizeof(mem));
    xc_note_key_write(&b, &key);
    printf("ok\t" XC_STR_FMT "\n", XC_STR_ARG(xc_buf_view(&b)));
}


/* A verifier key and a note: the text. */
static void
answer_note(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t         rc;
    xc_str_t        text = XC_STR("");
    const char     *error = "";
    xc_note_key_t   key;

    rc = xc_note_key_read(&heap.arena, args[0], &error, &key);
    if (rc == XC_OK) {
        rc = xc_note_open(&heap.arena, args[1], &key, &error, &text);
    }

    if (rc != XC_OK) {
        printf("refused\t%s\n", error);
        return;
    }

    printf("ok\t");
    print_hex(text);
    printf("\n");
}


/* A private key in PEM, its name and a text: the signed note. */
static void
answer_sign(const xc_str_t args[MAX_ARGS])
{
    char             mem[65536];
    xc_rc_t          rc;
    xc_buf_t         b;
    const char      *error = "";
    xc_note_key_t    key;
    const xc_key_t  *private;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_str(&b, args[2]);

    rc = xc_key_private(&heap.arena, XC_ALG_ED25519, args[0], &error,
                        &private);

    if (rc == XC_OK) {
        rc = xc_note_key_make(args[1], private, &key);
    }

    if (rc == XC_OK) {
        rc = xc_note_sign(&b, 0, &key);
    }

    if (rc != XC_OK) {
        printf("refused\t%s\n", error);
        return;
    }

    printf("ok\t");
    print_hex(xc_buf_view(&b));
    printf("\n");
}


/* The text of a checkpoint: its origin, size and root. */
static void
answer_checkpoint(xc_str_t text)
{
    const char       *error = "";
    xc_checkpoint_t   c;

    if (xc_checkpoint_read(text, &error, &c) != XC_OK) {
        printf("refused\t%s\n", error);
        return;
    }

    printf("ok\t");
    print_hex(c.origin);
    printf("\t%llu\t", (unsigned long long) c.size);
    print_hex((xc_str_t) { (const char *) c.root, sizeof(c.root) });
    printf("\n");
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    if (strcmp(word, "vkey") == 0) {
        answer_vkey(args[0]);

    } else if (strcmp(word, "note") == 0) {
        answer_note(args);

    } else if (strcmp(word, "sign") == 0) {
        answer_sign(args);

    } else if (strcmp(word, "checkpoint") == 0) {
        answer_checkpoint(args[0]);

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
