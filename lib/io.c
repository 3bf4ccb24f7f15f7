#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 1 << 20 };

ssize_t
io_read(int fd, void *p, size_t n)
{
	ssize_t r;

	while ((r = read(fd, p, n)) < 0 && errno == EINTR)
		;
	return r;
}

int
io_write_all(int fd, const void *p, size_t n)
{
	const char *q = p;

	while (n) {
		ssize_t w = write(fd, q, n);

		if (w < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				/* Somebody else made the shared description non-blocking. */
				struct pollfd pfd = { .fd = fd, .events = POLLOUT };

				poll(&pfd, 1, -1);
				continue;
			}
			return -1;
		}
		q += w;
		n -= (size_t)w;
	}
	return 0;
}

int
io_own(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl < 0 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) < 0)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
io_fill_standard(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return -1;
	return 0;
}

int
io_reopen(int fd, int flags, bool *nonblocking)
{
	struct stat st;
	char path[32];
	int r, mode = fcntl(fd, F_GETFL);

	*nonblocking = false;
	if (mode < 0 || fstat(fd, &st) < 0)
		return -1;
	/* The name in /proc would be opened all the same. */
	if ((mode & O_ACCMODE) != flags && (mode & O_ACCMODE) != O_RDWR) {
		errno = EBADF;
		return -1;
	}
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		r = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (r >= 0) {
			*nonblocking = true;
			return r;
		}
	}
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int
io_read_file(const char *path, size_t max, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
	size_t before = b->n;

	if (fd < 0)
		return -1;
	for (;;) {
		ssize_t r = io_read(fd, buf_reserve(b, 65536), 65536);

		if (r < 0)
			break;
		if (r == 0) {
			rc = 0;
			break;
		}
		b->n += (size_t)r;
		if (b->n - before > max) {
			errno = EFBIG;
			break;
		}
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

static int
trim_secret(struct buf *b, size_t before)
{
	if (b->n > before && b->p[b->n - 1] == '\n')
		b->n--;
	if (b->n > before && b->p[b->n - 1] == '\r')
		b->n--;
	if (b->n == before) {
		errno = ENODATA;
		return -1;
	}
	return 0;
}

int
io_secret_file(const char *path, struct buf *b)
{
	size_t before = b->n;

	return io_read_file(path, SECRET_MAX, b) ? -1 : trim_secret(b, before);
}

int
io_secret_env(const char *name, struct buf *b)
{
	const char *v = getenv(name);
	size_t before = b->n;

	if (v)
		buf_str(b, v);
	return trim_secret(b, before);
}

int
io_replace_file(const char *path, struct slice bytes)
{
	struct buf tmp = { 0 };
	int fd, rc = -1, saved;

	buf_fmt(&tmp, "%s.XXXXXX", path);
	fd = mkostemp(buf_cstr(&tmp), O_CLOEXEC);
	if (fd >= 0) {
		fchmod(fd, 0644);
		rc = io_write_all(fd, bytes.p, bytes.n);
		if (close(fd) < 0)
			rc = -1;
		if (rc == 0)
			rc = rename(tmp.p, path);
		saved = errno;
		if (rc)
			unlink(tmp.p);
		errno = saved;
	}
	buf_free(&tmp);
	return rc;
}

long
io_limit_files(long n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 1024;
	r.rlim_cur = r.rlim_max < (rlim_t)n ? r.rlim_max : (rlim_t)n;
	setrlimit(RLIMIT_NOFILE, &r);
	getrlimit(RLIMIT_NOFILE, &r);
	return (long)r.rlim_cur;
}

long
io_want_files(long n)
{
	struct rlimit r;
	long now = io_limit_files(LONG_MAX);

	if (now >= n)
		return now;
	r.rlim_cur = r.rlim_max = (rlim_t)n;
	return setrlimit(RLIMIT_NOFILE, &r) == 0 ? n : now;
}

bool
io_background_tty(int fd)
{
	pid_t group;

	if (!isatty(fd))
		return false;
	group = tcgetpgrp(fd);
	return group >= 0 && group != getpgrp();
}
