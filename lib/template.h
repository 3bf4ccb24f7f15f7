/* template - routing keys made from the members of a record:  client.{event}.{room|none}
 *
 *     {path}          the value there (dotted path); strings, numbers, true and false
 *     {path|default}  the default, as it is written, when there is none
 *     {=path}         the value as it is, inserted without encoding
 *     {{  }}          a brace
 *
 * A value is one word of the key, whoever chose it: '.', '*', '#', '%', blanks and control
 * characters in it are percent-encoded, so that no client can add a word or a wildcard.
 * A value that is missing, empty, null, an object or an array is none. Pure. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "buf.h"
#include "js.h"

enum { TEMPLATE_KEY_MAX = 255 }; /* AMQP's short string, bytes */

struct template;

/* NULL with *why set (static text) when the text is malformed. Borrows nothing; release
 * with template_free. */
struct template *template_parse(const char *text, const char **why);
void template_free(struct template *t);

/* True when it needs no record. */
bool template_fixed(const struct template *t);

/* Append the key for a record, whose members were split by js_object. 0, or -1 with *why
 * set to static text ("a value is missing", "the key is over 255 bytes") and, for the
 * first, *where to the path, borrowed from the template; then *key is as it was. */
int template_fill(const struct template *t, const struct js_member *m, int n,
    struct buf *key, const char **why, struct slice *where);

#endif
