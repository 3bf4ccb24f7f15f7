/* auth_line - the lines between ws-serve and its authenticator, ws-serve(1). */
#ifndef AUTH_LINE_H
#define AUTH_LINE_H

#include "auth.h"
#include "buf.h"
#include "js.h"

/* Write question `id` into *b, in place of what is there, without a line end. */
void auth_line_put(struct buf *b, uint64_t id, const struct auth_question *q);

/* Read an answer, of whose line these are the n members; its identity is the caller's.
 * NULL, or a static reason why it is not understood: then it is a refusal. */
const char *auth_line_answer(const struct js_member *m, int n, struct buf *scratch,
    struct auth_answer *answer);

#endif
