/* io - descriptors: the one place that knows EINTR and short writes. */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"

/* As read(2), retried on EINTR. */
ssize_t io_read(int fd, void *p, size_t n);

/* Write all n bytes; blocks. 0, or -1 with errno. */
int io_write_all(int fd, const void *p, size_t n);

/* Close-on-exec and O_NONBLOCK for a descriptor of our own. Never for 0, 1 or 2: other
 * processes share their open file description. 0, or -1 with errno. */
int io_own(int fd);

/* Open /dev/null as those of the descriptors 0 to 2 that are closed: nothing that is
 * opened later may get their numbers. So a closed standard input is an empty one, and to
 * write to a closed standard output still fails (EBADF). 0, or -1 with errno. */
int io_fill_standard(void);

/* A descriptor on the same object as `fd` (inherited, to be left as it is) that may be
 * read or written without blocking: reopened by way of /proc, with O_NONBLOCK. For a
 * socket, a regular file, or where /proc does not help, a plain close-on-exec duplicate:
 * then *nonblocking is false and the caller polls first (and uses MSG_DONTWAIT on a
 * socket). `flags` is O_RDONLY or O_WRONLY. -1 with errno, EBADF when `fd` was not opened
 * for that. */
int io_reopen(int fd, int flags, bool *nonblocking);

/* Append the whole of a file; at most `max` bytes, EFBIG beyond. "-" is not special.
 * 0, or -1 with errno. */
int io_read_file(const char *path, size_t max, struct buf *b);

/* A secret from a file (or, with env, from that environment variable), without the
 * line end behind it. Empty counts as an error (ENODATA). 0, or -1 with errno. */
int io_secret_file(const char *path, struct buf *b);
int io_secret_env(const char *name, struct buf *b);

/* Replace `path` by these bytes, whole or not at all (write beside it, then rename).
 * 0, or -1 with errno; the half-written file is removed. */
int io_replace_file(const char *path, struct slice bytes);

/* Set the soft limit of descriptors to n, or to the hard limit when that is lower.
 * Returns what is now allowed. */
long io_limit_files(long n);

/* Raise the soft limit to the hard one, and that too when n descriptors need it and we
 * may (root). Returns what is now allowed. */
long io_want_files(long n);

/* True when fd is a terminal that this process may not read without being stopped,
 * since it is in the background. */
bool io_background_tty(int fd);

#endif
