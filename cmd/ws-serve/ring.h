/* ring - many sends with one system call, by io_uring(7). */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>

enum { RING_DEPTH = 256 }; /* sends of one call at most; with more a send gets no cheaper */

/* n bytes at p for the stream socket fd. */
struct ring_send {
	int fd;
	int result; /* bytes that were taken, or -errno; -EAGAIN: the socket is full */
	const char *p;
	size_t n;
};

struct ring;

/* NULL, with errno, when the kernel cannot do this (before Linux 6.1) or may not: many
 * containers forbid io_uring. Only the thread that made a ring may use it. */
struct ring *ring_new(void);
void ring_free(struct ring *r);

/* Do these sends, RING_DEPTH at most, without waiting for room in any socket, and set
 * their results. When it returns the kernel needs the bytes no more. False: the ring is
 * of no use any more, and what it has not done has -EIO. */
bool ring_run(struct ring *r, struct ring_send *list, unsigned n);

#endif
