/* utf8 - UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Pure; no allocation. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

/* Length (1 to 4) of the whole valid character at p, which ends before `end`;
 * 0 when there is none (malformed or cut off). */
unsigned utf8_length(const unsigned char *p, const unsigned char *end);

/* True if all of s is valid. */
bool utf8_valid(struct slice s);

/* Write code point c (a valid one) to out[4]; returns the number of bytes. */
unsigned utf8_encode(uint32_t c, char *out);

#endif
