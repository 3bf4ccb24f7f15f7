/* out - buffered output of lines, with an error that sticks.
 * Flush before you block, not per line: whoever waits for input calls out_flush first
 * (filter.h does). Two ways to use one: blocking (out_init, out_flush), or from an event
 * loop that must never block (out_init_async, out_push). */
#ifndef OUT_H
#define OUT_H

#include "buf.h"

enum { OUT_HIGH = 64 << 10 }; /* bytes at which out_line writes by itself */

struct out {
	int fd;
	struct buf b;      /* append here with the buf_ and js_put functions */
	size_t done;       /* bytes of b that are already written */
	int error;         /* errno of the first failed write, 0 while all is well */
	bool async, nonblocking, socket;
};

/* Blocking output to fd, which stays the caller's. */
void out_init(struct out *o, int fd);

/* Output that never blocks, whatever fd is, without setting O_NONBLOCK on a description
 * that others share; o->fd is then a descriptor of our own, to be polled for POLLOUT.
 * 0, or -1 with errno. Release with out_free. */
int out_init_async(struct out *o, int fd);

/* End the line in o->b; a blocking output writes when OUT_HIGH is reached. 0, or -1
 * when an error has stuck. */
int out_line(struct out *o);

/* Write all, block as long as it takes. 0, or -1 with o->error set (EPIPE: the reader
 * is gone; EINTR: sig_drained, the time to end has run out). */
int out_flush(struct out *o);

/* Async: write what the reader takes now. 1 all written, 0 some is left, -1 error. */
int out_push(struct out *o);

/* Bytes not yet written. */
static inline size_t
out_pending(const struct out *o)
{
	return o->b.n - o->done;
}

/* End the program as its failed output demands: EPIPE as SIGPIPE does, other errors
 * with a message and exit code 6. `what` names the output ("standard output"). */
_Noreturn void out_die(const struct out *o, const char *what);

/* Die as SIGPIPE does, whatever its handler is now. */
_Noreturn void out_sigpipe(void);

void out_free(struct out *o);

#endif
