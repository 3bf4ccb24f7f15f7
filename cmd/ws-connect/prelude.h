/* prelude - what is said at the beginning of each connection: the token with --token-in
 * message, the lines of --on-open, the subscriptions. */
#ifndef PRELUDE_H
#define PRELUDE_H

#include "options.h"
#include "outq.h"

struct prelude {
	struct buf lines; /* of --on-open, checked */
};

/* Read --on-open. 0, or -1 with errno (EILSEQ: not UTF-8); then *p is as it was. */
int prelude_load(struct prelude *p, const struct options *o);

/* Append the messages, marked as ours. The token is empty unless it is to be sent. */
void prelude_put(const struct prelude *p, const struct options *o, struct slice token,
    struct outq *q);

void prelude_free(struct prelude *p);

#endif
