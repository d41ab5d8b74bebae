/*
 * Signed notes (C2SP signed-note): text, a blank line, and signature lines
 * "— name base64(key id || signature)".  Only Ed25519 (signature type 0x01)
 * is made and verified; lines of other keys are passed over.
 *
 * Inputs are borrowed.  Everything is thread-safe after xc_crypto_init().
 */

#ifndef XC_NOTE_H
#define XC_NOTE_H

#include "xc_buf.h"
#include "xc_crypto.h"

#define XC_NOTE_MAX             262144      /* bytes of a note that is read */
#define XC_NOTE_NAME_MAX        255         /* bytes of a key's name of ours */
#define XC_NOTE_KEY_ID_SIZE     4
#define XC_NOTE_PUBLIC_SIZE     32

/* What a signature line of ours, the blank line included, and a verifier key
 * take at most. */
#define XC_NOTE_SIGNATURE_MAX   (XC_NOTE_NAME_MAX + 99)
#define XC_NOTE_VKEY_MAX        (XC_NOTE_NAME_MAX + 54)

/* A key under the name that it signs with. */
typedef struct {
    xc_str_t         name;      /* borrowed, as key is */
    uint8_t          id[XC_NOTE_KEY_ID_SIZE];
    uint8_t          public[XC_NOTE_PUBLIC_SIZE];
    const xc_key_t  *key;
} xc_note_key_t;

/* A key's name: UTF-8 and not empty, without Unicode spaces, ASCII controls
 * and '+'.  Of any length. */
bool xc_note_name_ok(xc_str_t name);

/* Names a key, private to sign or public to verify.  XC_EINPUT: not an Ed25519
 * key, or not a name of XC_NOTE_NAME_MAX bytes at most.  XC_EINTERNAL. */
xc_rc_t xc_note_key_make(xc_str_t name, const xc_key_t *key,
    xc_note_key_t *out) XC_WUR;

/*
 * Reads a verifier key "name+id+base64(0x01 || public key)", the id in eight
 * hexadecimal digits; nothing may stand around it.  The name stays borrowed,
 * the key lives as long as the arena.  XC_EINPUT: *error says what is wrong.
 * XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_note_key_read(xc_arena_t *arena, xc_str_t vkey, const char **error,
    xc_note_key_t *out) XC_WUR;

/* The verifier key as above. */
void xc_note_key_write(xc_buf_t *b, const xc_note_key_t *key);

/*
 * Signs the text that b holds from start on, and writes the blank line and the
 * signature behind it.  XC_EINPUT: the text does not end in LF, is not UTF-8,
 * has other controls; or the key is a public one.  XC_ELIMIT: b overflowed.
 * XC_EINTERNAL.  About 50 us.
 */
xc_rc_t xc_note_sign(xc_buf_t *b, size_t start, const xc_note_key_t *key)
    XC_WUR;

/*
 * Verifies a note: all of its form, and every signature that carries this
 * key's name and id.
 *
 * XC_OK      *text is what was signed, a part of note, its last LF included
 * XC_DENIED  no signature of the key, or one that does not verify
 * XC_EINPUT  not a signed note; XC_ELIMIT: over XC_NOTE_MAX
 * XC_ENOMEM, XC_EINTERNAL
 *
 * With the middle three *error says why.  The arena is used for scratch, no
 * more bytes than the note has.
 */
xc_rc_t xc_note_open(xc_arena_t *arena, xc_str_t note,
    const xc_note_key_t *key, const char **error, xc_str_t *text) XC_WUR;

/* Takes a line off the start of *rest, and the LF with it.  False: no LF is
 * left there, and nothing was changed. */
bool xc_note_next_line(xc_str_t *rest, xc_str_t *line);

#endif
