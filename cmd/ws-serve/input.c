#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "events.h"
#include "io.h"
#include "life.h"
#include "line.h"
#include "mem.h"
#include "msg.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "utf8.h"

enum {
	CHUNK = 1 << 20,         /* bytes of one read: what a connection gets with one write */
	ANSWERS_HIGH = 4 << 20,  /* bytes of unread answers at which commands wait */
};

struct input {
	struct server *server;
	struct source source;
	struct line_reader in;
	struct ev_io readable;
	struct ev_timer look;  /* at a terminal in the background */
	struct ev_idle rest;   /* lines that are here already */
	struct ev_prepare turn;
	int fd;                /* -1: there is nothing to read */
	bool counts;           /* its end is the end of the server */
	bool over, stopped;
	bool full;             /* nobody reads the answers */
	struct slice raw;      /* --raw: the room */
};

static void
answer(struct source *source, struct slice line)
{
	struct input *in = (struct input *)((char *)source - offsetof(struct input, source));

	event_answer(in->server, line);
}

static bool
waiting(const struct input *in)
{
	return in->source.held || in->full;
}

/* Read or do not read, as things are. */
static void
arrange(struct input *in)
{
	struct ev_loop *loop = in->server->loop;

	if (in->fd < 0 || in->over || in->stopped || waiting(in)) {
		if (in->fd >= 0)
			ev_io_stop(loop, &in->readable);
		ev_idle_stop(loop, &in->rest);
		return;
	}
	if (io_background_tty(in->fd)) {
		ev_io_stop(loop, &in->readable);
		ev_timer_start(loop, &in->look);
		return;
	}
	ev_timer_stop(loop, &in->look);
	ev_io_start(loop, &in->readable);
}

static void
hold(struct source *source, bool on)
{
	struct input *in = (struct input *)((char *)source - offsetof(struct input, source));

	source->held = on;
	arrange(in);
	if (!on && in->fd >= 0 && !waiting(in))
		ev_idle_start(in->server->loop, &in->rest);
}

static void
raw_line(struct input *in, struct slice line)
{
	/* A text message must be UTF-8 (RFC 6455 5.6): clients end the connection otherwise. */
	command_send(in->server, &in->raw, in->server->config->raw_all ? 0 : 1, NULL, line,
	    !utf8_valid(line));
	in->server->counters.commands++;
}

static void
ended(struct input *in)
{
	in->over = true;
	arrange(in);
	if (in->counts)
		life_input_ended(in->server);
}

/* The tag of a line, for --acks. False when it has none. */
static bool
tag_of(struct slice line, struct slice *tag)
{
	*tag = js_get(slice_trim(line), S("tag"));
	return js_type(*tag) == JS_NUMBER;
}

static void
acknowledge(struct input *in, struct slice tag)
{
	struct buf b = { 0 };

	buf_byte(&b, '{');
	js_put_member_raw(&b, "tag", tag);
	buf_add(&b, "}\n", 2);
	event_answer(in->server, buf_view(&b));
	buf_free(&b);
}

/* The lines that are here. */
static void
take(struct input *in)
{
	struct server *s = in->server;
	struct slice line, tag, last = slice_of("", 0);
	bool end = false;

	send_source(s, &in->source);
	while (!end && !waiting(in)) {
		switch (line_take(&in->in, &line)) {
		case LINE_OK:
			in->source.line = in->in.number;
			if (in->raw.n || s->config->raw_all) {
				raw_line(in, line);
			} else {
				bool sound = command_run(s, &in->source, line) >= 0;

				/* A line that is no JSON has no tag to look for. */
				if (s->config->acks && (sound || js_valid(line, NULL)) &&
				    tag_of(line, &tag))
					last = tag;
			}
			in->full = event_pending(s) > ANSWERS_HIGH;
			break;
		case LINE_TOO_LONG:
			in->source.line = in->in.number;
			command_too_long(s, &in->source);
			break;
		case LINE_MORE:
			ev_idle_stop(s->loop, &in->rest);
			goto out;
		case LINE_EOF:
			end = true;
			break;
		}
	}
out:
	send_flush(s);
	send_source(s, NULL);
	/* All lines up to this one are in the sockets or in their queues now. */
	if (last.n)
		acknowledge(in, last);
	if (waiting(in))
		arrange(in);
	if (end)
		ended(in);
}

static void
on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct input *in = w->data;
	ssize_t n;

	(void)revents;
	if (io_background_tty(in->fd)) {
		arrange(in);
		return;
	}
	n = line_fill(&in->in);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		msg_warn("cannot read standard input: %s", strerror(errno));
		in->in.eof = true;
	}
	if (n <= 0)
		ev_io_stop(loop, w);
	take(in);
}

static void
on_rest(struct ev_loop *loop, struct ev_idle *w, int revents)
{
	(void)loop;
	(void)revents;
	take(w->data);
}

static void
on_look(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	arrange(w->data);
}

/* Answers have been read: commands go on. */
static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct input *in = w->data;

	(void)revents;
	if (in->full && event_pending(in->server) <= EVENTS_LOW) {
		in->full = false;
		arrange(in);
		if (in->fd >= 0 && !waiting(in))
			ev_idle_start(loop, &in->rest);
	}
}

void
input_new(struct server *s)
{
	struct input *in = s->input = mem_zero(1, sizeof(*in));
	bool nonblocking;
	struct stat st, null;

	in->server = s;
	in->source = (struct source){ .name = "stdin", .answer = answer, .hold = hold };
	in->raw = s->config->raw ? slice_str(s->config->raw) : slice_of("", 0);
	in->fd = -1;
	ev_init(&in->readable, on_readable);
	ev_init(&in->rest, on_rest);
	ev_set_priority(&in->rest, EV_MAXPRI); /* each turn, not only in idle ones */
	ev_timer_init(&in->look, on_look, 1., 1.);
	ev_prepare_init(&in->turn, on_turn);
	in->readable.data = in->rest.data = in->look.data = in->turn.data = in;
	ev_prepare_start(s->loop, &in->turn);
	if (fstat(STDIN_FILENO, &st))
		return;
	/* Nothing comes from /dev/null, ever. */
	if (S_ISCHR(st.st_mode) && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev)
		return;
	in->counts = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
	in->fd = io_reopen(STDIN_FILENO, O_RDONLY, &nonblocking);
	if (in->fd < 0) {
		msg_warn("cannot read standard input: %s", strerror(errno));
		return;
	}
	/* So that one read brings much at once. Best effort: users have a limit. */
	if (S_ISFIFO(st.st_mode))
		(void)fcntl(in->fd, F_SETPIPE_SZ, CHUNK);
	line_init(&in->in, in->fd, (size_t)s->config->max_line);
	in->in.chunk = CHUNK;
	ev_io_set(&in->readable, in->fd, EV_READ);
	arrange(in);
}

void
input_free(struct server *s)
{
	struct input *in = s->input;

	input_stop(s);
	ev_prepare_stop(s->loop, &in->turn);
	if (in->fd >= 0)
		close(in->fd);
	line_free(&in->in);
	free(in);
	s->input = NULL;
}

bool
input_open(const struct server *s)
{
	return s->input->counts && !s->input->over && !s->input->stopped;
}

void
input_stop(struct server *s)
{
	struct input *in = s->input;

	in->stopped = true;
	ev_timer_stop(s->loop, &in->look);
	arrange(in);
}
