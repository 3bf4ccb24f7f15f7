#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "msg.h"
#include "now.h"
#include "num.h"

static bool
queue_full(const struct session *s)
{
	return s->queue.bytes >= (size_t)s->o->queue;
}

bool
feed_wanted(const struct session *s)
{
	return !s->input.ended && !s->leaving && (!queue_full(s) || s->o->queue_drop);
}

bool
feed_done(const struct session *s)
{
	return s->input.ended && !s->queue.count && (s->phase != PHASE_OPEN || wire_idle(s->wire));
}

static void
enqueue(struct session *s, struct outmsg *m)
{
	outq_push(&s->queue, m);
	while (s->o->queue_drop && s->queue.bytes > (size_t)s->o->queue && s->queue.count > 1 &&
	    outq_drop_oldest(&s->queue))
		if (!s->dropped++)
			msg_warn("the queue is full: the oldest messages are dropped");
}

static void
ask_close(struct session *s, struct input_close c)
{
	s->input.ended = s->close_asked = true;
	s->close = c;
}

/* --- what is typed --- */

static void
ping(struct session *s)
{
	if (s->phase != PHASE_OPEN) {
		session_inform(s, "not connected");
		return;
	}
	s->ping_sent = now_us();
	link_ping(&s->link);
}

/* /close [CODE [REASON]] */
static void
close_command(struct session *s, struct slice rest)
{
	struct slice code = slice_cut(&rest, ' ');
	char *text = code.n ? strndup(code.p, code.n) : NULL;
	int64_t v = 1000;

	if (text && (num_int(text, &v) || (v != 1000 && (v < 3000 || v > 4999))))
		session_inform(s, "the code is neither 1000 nor from 3000 to 4999");
	else if (rest.n > FRAME_CONTROL_MAX - 2)
		session_inform(s, "the reason is longer than 123 bytes");
	else
		ask_close(s, (struct input_close){ .code = (unsigned)v, .reason = rest });
	free(text);
}

static void
command(struct session *s, struct slice line)
{
	struct slice rest = slice_trim(line), name = slice_cut(&rest, ' ');

	if (slice_is(name, "close")) {
		close_command(s, slice_trim(rest));
	} else if (slice_is(name, "ping")) {
		ping(s);
	} else if (slice_is(name, "help")) {
		session_inform(s, "/close [CODE [REASON]]  end, with close code 1000 or this one");
		session_inform(s, "/ping                   send a ping, show how long the answer takes");
		session_inform(s, "//TEXT                  send a line that begins with a slash");
		session_inform(s, "Control-D               end");
	} else {
		session_inform(s, "no such command: /%.*s; see /help", (int)name.n, name.p);
	}
}

static void
take_typed(struct session *s)
{
	struct slice line;
	struct outmsg *m;
	const char *why;

	while (tty_take(s->tty, &line)) {
		if (!line.n)
			continue;
		if (line.p[0] == '/' && !slice_starts(line, S("//")))
			command(s, slice_from(line, 1));
		else if ((m = input_line(s->o, slice_from(line, line.p[0] == '/'), &why)))
			enqueue(s, m);
		else
			session_inform(s, "not sent: %s", why);
	}
	if (tty_ended(s->tty) && !s->input.ended)
		ask_close(s, (struct input_close){ .code = 1000 });
}

/* --- what is read --- */

void
feed_read(struct session *s)
{
	if (s->tty)
		tty_read(s->tty);
	else
		input_fill(&s->input);
}

void
feed_take(struct session *s)
{
	struct input_close c;
	struct outmsg *m;

	if (s->tty) {
		take_typed(s);
		return;
	}
	while (feed_wanted(s)) {
		switch (input_take(&s->input, &m, &c)) {
		case INPUT_MESSAGE:
			enqueue(s, m);
			break;
		case INPUT_CLOSE:
			/* The reason lasts, since nothing more is taken. */
			ask_close(s, c);
			return;
		case INPUT_MORE:
		case INPUT_END:
			return;
		}
	}
}
