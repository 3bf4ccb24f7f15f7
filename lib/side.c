#include "side.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "msg.h"

void
side_open(struct side *s)
{
	int fd;

	if (!s->path)
		return;
	fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		msg_die(EXIT_USAGE, "--%s: cannot open %s: %s", s->name, s->path, strerror(errno));
	out_init(&s->out, fd);
}

void
side_reopen(struct side *s)
{
	int fd;

	if (!s->path)
		return;
	side_flush(s);
	fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		msg_error("--%s: cannot open %s again, going on with the old file: %s", s->name,
		    s->path, strerror(errno));
		return;
	}
	close(s->out.fd);
	s->out.fd = fd;
}

void
side_line(struct side *s)
{
	if (out_line(&s->out))
		out_die(&s->out, s->path);
}

void
side_flush(struct side *s)
{
	if (s->path && out_flush(&s->out))
		out_die(&s->out, s->path);
}
