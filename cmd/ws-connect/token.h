/* token - the token of an attempt to connect: from a file, read again each time, or
 * from a command, run again each time. Never shown. */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>

#include "buf.h"
#include "options.h"
#include "proc.h"

enum {
	TOKEN_MAX = 16 << 10, /* bytes */
};

struct token {
	const struct options *o;
	struct buf value; /* empty when none is asked for */
	struct buf used;  /* that of the attempt before */
	struct proc command; /* {-1, -1, -1} when none runs */
	const char *why;  /* of TOKEN_FAILED; static text */
};

enum token_status {
	TOKEN_READY,
	TOKEN_WAIT,   /* poll command.out, or come again in TOKEN_POLL_MS when it is -1 */
	TOKEN_FAILED, /* t->why says why */
};
enum { TOKEN_POLL_MS = 20 };

void token_init(struct token *t, const struct options *o);

/* Begin to get a token, then go on. */
enum token_status token_start(struct token *t);
enum token_status token_step(struct token *t);

/* True if the token is another one than the attempt before had. */
bool token_is_new(const struct token *t);

/* Kill a command that still runs. */
void token_stop(struct token *t);
void token_free(struct token *t);

#endif
