/* token - the token of an attempt to connect: from a file, read again each time, or
 * from a command, run again each time. Never shown. */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"
#include "options.h"

enum {
	TOKEN_MAX = 16 << 10, /* bytes */
};

struct token {
	const struct options *o;
	struct buf value; /* empty when none is asked for */
	struct buf used;  /* that of the attempt before */
	int fd;           /* the command's output; -1 when none runs */
	pid_t pid;
};

enum token_status {
	TOKEN_READY,
	TOKEN_WAIT,   /* poll fd, or come again in TOKEN_POLL_MS when it is -1 */
	TOKEN_FAILED, /* *why says why, static text */
};
enum { TOKEN_POLL_MS = 20 };

void token_init(struct token *t, const struct options *o);

/* Begin to get a token, then go on. */
enum token_status token_start(struct token *t, const char **why);
enum token_status token_step(struct token *t, const char **why);

/* True if the token is another one than the attempt before had. */
bool token_is_new(const struct token *t);

/* Kill a command that still runs. */
void token_stop(struct token *t);
void token_free(struct token *t);

#endif
