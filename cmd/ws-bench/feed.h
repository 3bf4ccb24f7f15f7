/* feed - the way of messages that do not go over a connection: lines to a Unix socket, a
 * FIFO or a file, such as a server's control socket. What comes back is thrown away. */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum { FEED_HIGH = 256 << 10 }; /* bytes waiting at which it takes no more */

struct feed {
	int fd;
	bool socket, waiting; /* waiting: for room */
	struct buf out;
	size_t written;
};

/* 0, or -1 with errno. */
int feed_open(struct feed *f, const char *path);

/* Write what is in f->out, as far as it goes. 1 all, 0 some is left, -1 with errno. */
int feed_push(struct feed *f);

/* Throw away what has come back. False when the other end is gone. */
bool feed_drain(struct feed *f);

static inline bool
feed_full(const struct feed *f)
{
	return f->out.n - f->written >= FEED_HIGH;
}

void feed_close(struct feed *f);

#endif
