#include "feed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io.h"

static int
connect_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd, saved;

	if (n >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, path, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
feed_open(struct feed *f, const char *path)
{
	struct stat st;

	*f = (struct feed){ .fd = -1 };
	f->socket = stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
	/* Opening a FIFO waits here until someone reads it. Nothing is created: a file in
	 * the place of a control socket would keep its server from starting. */
	f->fd = f->socket ? connect_unix(path)
	    : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return f->fd < 0 ? -1 : io_own(f->fd);
}

int
feed_push(struct feed *f)
{
	while (f->written < f->out.n) {
		const char *p = f->out.p + f->written;
		size_t n = f->out.n - f->written;
		ssize_t w = f->socket ? send(f->fd, p, n, MSG_NOSIGNAL) : write(f->fd, p, n);

		if (w >= 0) {
			f->written += (size_t)w;
		} else if (errno == EAGAIN) {
			buf_drop(&f->out, f->written);
			f->written = 0;
			return 0;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	f->written = f->out.n = 0;
	return 1;
}

bool
feed_drain(struct feed *f)
{
	char sink[16384];
	ssize_t n;

	if (!f->socket)
		return true;
	while ((n = recv(f->fd, sink, sizeof(sink), MSG_DONTWAIT)) > 0)
		;
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

void
feed_close(struct feed *f)
{
	if (f->fd >= 0)
		close(f->fd);
	buf_free(&f->out);
	*f = (struct feed){ .fd = -1 };
}
