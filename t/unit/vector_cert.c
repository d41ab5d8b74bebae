/* What xc_x509 makes of a certificate. */

#include "vector_ask.h"
#include "xc_x509.h"


static void
print_hash(const uint8_t hash[XC_SHA256_SIZE])
{
    print_hex((xc_str_t) { (const char *) hash, XC_SHA256_SIZE });
    printf("\t");
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    xc_certificate_t  cert;

    if (strcmp(word, "x509") != 0) {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }

    if (xc_x509_read(&heap.arena, args[0], &cert) != XC_OK) {
        printf("refused\n");
        return;
    }

    printf("ok\t");
    print_hash(cert.sha256);
    print_hash(cert.spki_sha256);
    print_hex(cert.subject);
    printf("\n");
}


int
main(void)
{
    return ask_all(answer);
}
