#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "msg.h"
#include "sig.h"

void
out_init(struct out *o, int fd)
{
	*o = (struct out){ .fd = fd };
}

int
out_init_async(struct out *o, int fd)
{
	struct stat st;

	*o = (struct out){ .async = true };
	if (fstat(fd, &st) < 0)
		return -1;
	o->fd = io_reopen(fd, O_WRONLY, &o->nonblocking);
	o->socket = S_ISSOCK(st.st_mode);
	if (S_ISREG(st.st_mode))
		o->nonblocking = true; /* a file never lets one wait */
	return o->fd < 0 ? -1 : 0;
}

int
out_line(struct out *o)
{
	buf_byte(&o->b, '\n');
	if (!o->async && o->b.n >= OUT_HIGH)
		return out_flush(o);
	return o->error ? -1 : 0;
}

static void
written(struct out *o, size_t n)
{
	o->done += n;
	if (o->done == o->b.n)
		o->done = o->b.n = 0;
}

int
out_flush(struct out *o)
{
	while (!o->error && out_pending(o)) {
		ssize_t w = write(o->fd, o->b.p + o->done, out_pending(o));

		if (w >= 0)
			written(o, (size_t)w);
		else if (errno != EINTR && errno != EAGAIN)
			o->error = errno;
		else if (sig_drained())
			o->error = EINTR;
		else if (errno == EAGAIN)
			poll(&(struct pollfd){ .fd = o->fd, .events = POLLOUT }, 1, -1);
	}
	return o->error ? -1 : 0;
}

/* One attempt that cannot block. */
static ssize_t
attempt(struct out *o)
{
	const char *p = o->b.p + o->done;
	size_t n = out_pending(o);

	if (o->nonblocking)
		return write(o->fd, p, n);
	if (o->socket)
		return send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* POLLOUT promises room for PIPE_BUF bytes of a pipe, no more. */
	struct pollfd pfd = { .fd = o->fd, .events = POLLOUT };

	if (poll(&pfd, 1, 0) == 1 && pfd.revents)
		return write(o->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
	errno = EAGAIN;
	return -1;
}

int
out_push(struct out *o)
{
	while (!o->error && out_pending(o)) {
		ssize_t w = attempt(o);

		if (w >= 0) {
			written(o, (size_t)w);
		} else if (errno == EAGAIN) {
			/* The written part must not stay in front of a long stall. */
			if (o->done > o->b.n / 2 && o->done > OUT_HIGH) {
				buf_drop(&o->b, o->done);
				o->done = 0;
			}
			return 0;
		} else if (errno != EINTR) {
			o->error = errno;
		}
	}
	return o->error ? -1 : 1;
}

void
out_sigpipe(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGPIPE);
	_exit(128 + SIGPIPE);
}

void
out_die(const struct out *o, const char *what)
{
	if (o->error == EPIPE)
		out_sigpipe();
	msg_die(EXIT_HOST, "cannot write %s: %s", what, strerror(o->error));
}

void
out_free(struct out *o)
{
	if (o->async && o->fd >= 0)
		close(o->fd);
	buf_free(&o->b);
	*o = (struct out){ .fd = -1 };
}
