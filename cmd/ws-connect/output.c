#include "output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "exit.h"
#include "js.h"
#include "msg.h"
#include "rec.h"
#include "sig.h"

void
output_init(struct output *p, const struct options *o)
{
	*p = (struct output){ .o = o };
	if (out_init_async(&p->out, STDOUT_FILENO))
		msg_die(EXIT_HOST, "cannot write standard output: %s", strerror(errno));
}

void
output_free(struct output *p)
{
	out_free(&p->out);
	buf_free(&p->line);
}

/* --match PATH=VALUE: the member's text, or what it is as JSON, is VALUE. */
static bool
matches(struct slice body, const char *expression)
{
	struct slice path = slice_of(expression, strcspn(expression, "="));
	struct slice want = slice_str(expression + path.n + 1), val = js_path(body, path);
	struct buf scratch = { 0 };
	bool yes;

	if (js_type(val) == JS_STRING)
		yes = slice_eq(js_text(val, &scratch), want);
	else
		yes = js_type(val) != JS_NONE && slice_eq(val, want);
	buf_free(&scratch);
	return yes;
}

static bool
wanted(const struct options *o, struct slice body, bool json)
{
	for (int i = 0; i < o->match.n; i++)
		if (!json || !matches(body, o->match.v[i]))
			return false;
	return true;
}

/* End the line in p->line and hand it on. */
static void
put_line(struct output *p)
{
	buf_slice(&p->out.b, buf_view(&p->line));
	buf_byte(&p->out.b, p->o->nul ? '\0' : '\n');
}

static void
begin_event(struct output *p, const char *event)
{
	buf_clear(&p->line);
	buf_fmt(&p->line, "{\"event\":\"%s\"", event);
	rec_put_now(&p->line);
}

static void
end_event(struct output *p)
{
	buf_byte(&p->line, '}');
	put_line(p);
}

static bool
skip(struct output *p, const char *why)
{
	msg_warn("%s: not written", why);
	p->skipped++;
	return false;
}

bool
output_message(struct output *p, struct slice body, bool binary)
{
	bool json = !binary && (!p->o->raw || p->o->match.n) && js_valid(body, NULL);

	if (!wanted(p->o, body, json))
		return false;
	if (p->o->records) {
		begin_event(p, "message");
		rec_put_payload(&p->line, body, (enum rec_form)p->o->payload, binary);
		buf_byte(&p->line, '}');
	} else if (p->o->raw) {
		buf_clear(&p->line);
		buf_slice(&p->line, body);
	} else if (binary && p->tty) {
		buf_clear(&p->line);
		buf_fmt(&p->line, "(binary, %zu bytes) ", body.n);
		base64_put(&p->line, body);
	} else if (binary) {
		return skip(p, "a binary message; see --records");
	} else {
		buf_clear(&p->line);
		if (json)
			js_put_flat(&p->line, slice_trim(body));
		else
			js_put_string(&p->line, body);
	}
	if (!p->o->raw && p->line.n > (size_t)p->o->max_line)
		return skip(p, "a message whose line is longer than --max-line");
	if (p->tty)
		tty_show(p->tty, '<', buf_view(&p->line));
	else
		put_line(p);
	p->written++;
	return true;
}

static void
begin_status(struct output *p, const char *status)
{
	begin_event(p, "status");
	js_put_member(&p->line, "status", slice_str(status));
}

void
output_connecting(struct output *p, uint64_t attempt)
{
	if (!p->o->records)
		return;
	begin_status(p, "connecting");
	js_put_member(&p->line, "url", buf_view(&p->o->shown));
	js_put_member_int(&p->line, "attempt", (int64_t)attempt);
	end_event(p);
}

void
output_connected(struct output *p, struct slice subprotocol, bool deflate)
{
	if (!p->o->records)
		return;
	begin_event(p, "open");
	js_put_member(&p->line, "url", buf_view(&p->o->shown));
	if (subprotocol.n)
		js_put_member(&p->line, "subprotocol", subprotocol);
	if (deflate)
		js_put_member_raw(&p->line, "deflate", S("true"));
	end_event(p);
	begin_status(p, "connected");
	end_event(p);
}

static void
put_seconds(struct buf *b, const char *name, int64_t ms)
{
	js_put_key(b, name);
	buf_fmt(b, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
}

void
output_reconnecting(struct output *p, uint64_t attempt, int64_t delay_ms)
{
	if (!p->o->records)
		return;
	begin_status(p, "reconnecting");
	js_put_member_int(&p->line, "attempt", (int64_t)attempt);
	put_seconds(&p->line, "delay", delay_ms);
	end_event(p);
}

void
output_error(struct output *p, struct slice error)
{
	if (!p->o->records)
		return;
	begin_status(p, "error");
	js_put_member(&p->line, "error", error);
	end_event(p);
}

void
output_closed(struct output *p, const struct output_close *c)
{
	if (!p->o->records)
		return;
	begin_event(p, "close");
	js_put_member_int(&p->line, "code", c->code);
	js_put_member(&p->line, "reason", c->reason);
	put_seconds(&p->line, "seconds", c->open_ms);
	js_put_member_int(&p->line, "received", (int64_t)c->received);
	js_put_member_int(&p->line, "sent", (int64_t)c->sent);
	end_event(p);
	begin_status(p, "disconnected");
	end_event(p);
}

bool
output_full(const struct output *p)
{
	return out_pending(&p->out) >= OUT_HIGH;
}

void
output_push(struct output *p)
{
	if (out_push(&p->out) < 0)
		out_die(&p->out, "standard output");
}

void
output_finish(struct output *p)
{
	for (;;) {
		struct pollfd f = { .fd = p->out.fd, .events = POLLOUT };

		output_push(p);
		if (!out_pending(&p->out))
			return;
		if (sig_drained())
			msg_die(EXIT_HOST, "standard output was not read in time");
		poll(&f, 1, -1);
	}
}
