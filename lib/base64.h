/* base64 - RFC 4648, strictly: the standard alphabet with padding (section 4) and
 * base64url without it (section 5). Blanks, the other alphabet's signs, missing or
 * extra padding and bits behind the end that are not zero are errors. */
#ifndef BASE64_H
#define BASE64_H

#include "buf.h"

/* Append the encoding of `bytes`. */
void base64_put(struct buf *b, struct slice bytes);
void base64url_put(struct buf *b, struct slice bytes);

/* Append the decoded bytes. 0, or -1 when malformed (then nothing was appended). */
int base64_get(struct buf *b, struct slice text);
int base64url_get(struct buf *b, struct slice text);

#endif
