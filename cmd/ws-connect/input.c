#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit.h"
#include "frame.h"
#include "js.h"
#include "msg.h"
#include "rec.h"
#include "utf8.h"

void
input_init(struct input *in, const struct options *o)
{
	*in = (struct input){ .o = o };
	line_init(&in->lines, STDIN_FILENO, (size_t)o->max_line);
	jsonseq_init(&in->values, (size_t)o->max_line);
	if (o->nul)
		in->lines.delim = '\0';
}

void
input_free(struct input *in)
{
	line_free(&in->lines);
	jsonseq_free(&in->values);
	buf_free(&in->scratch);
}

static void
reject(struct input *in, const char *why)
{
	if (in->o->json_seq)
		msg_warn("value %llu (line %llu): %s: skipped", (unsigned long long)in->values.number,
		    (unsigned long long)in->values.line, why);
	else
		msg_warn("%s %llu: %s: skipped", in->o->nul ? "message" : "line",
		    (unsigned long long)in->lines.number, why);
	in->rejected++;
}

struct outmsg *
input_line(const struct options *o, struct slice line, const char **why)
{
	if (line.n > (size_t)o->max_message) {
		*why = "longer than --max-message";
		return NULL;
	}
	if (!o->binary && !utf8_valid(line)) {
		*why = "not UTF-8";
		return NULL;
	}
	return outmsg_new(line, o->binary, false);
}

/* Names that a record carries from where it comes from, besides its payload. */
static bool
carried(struct slice key)
{
	static const char *const names[] = { "data", "text", "base64", "event", "time", "tag", "id",
		"node", "conn", "user", "room", "remote", "path", "claims", "exchange", "key", "headers",
		"properties", "redelivered", "queue", "channel", "pattern" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (js_key_is(key, slice_str(names[i])))
			return true;
	return false;
}

/* {"close":CODE,"reason":TEXT} */
static const char *
close_record(struct input *in, const struct js_member *m, int n, struct input_close *c)
{
	struct slice code = js_pick(m, n, S("close")), reason = js_pick(m, n, S("reason"));
	int64_t v = 1000;

	for (int i = 0; i < n; i++)
		if (!js_key_is(m[i].key, S("close")) && !js_key_is(m[i].key, S("reason")))
			return "unknown member beside \"close\"";
	if (!js_int(code, &v) || (v != 1000 && (v < 3000 || v > 4999)))
		return "\"close\" is neither 1000 nor from 3000 to 4999";
	c->code = (unsigned)v;
	c->reason = slice_of("", 0);
	if (reason.n && js_type(reason) != JS_STRING)
		return "\"reason\" is no string";
	if (reason.n)
		c->reason = js_text(reason, &in->scratch);
	return c->reason.n > FRAME_CONTROL_MAX - 2 ? "\"reason\" is longer than 123 bytes" : NULL;
}

enum taken { TAKEN_MESSAGE, TAKEN_CLOSE, TAKEN_NOTHING };

/* A record: a message, an order, an event of another ws-connect that asks for nothing. */
static enum taken
take_record(struct input *in, struct slice line, struct outmsg **out, struct input_close *c)
{
	struct js_member m[REC_MEMBERS];
	struct rec_payload payload;
	struct js_error e;
	const char *why = NULL;
	int n = js_object(line, m, REC_MEMBERS, &e);

	buf_clear(&in->scratch);
	if (n < 0) {
		reject(in, e.why);
		return TAKEN_NOTHING;
	}
	if (js_pick(m, n, S("close")).n) {
		if (!(why = close_record(in, m, n, c)))
			return TAKEN_CLOSE;
		reject(in, why);
		return TAKEN_NOTHING;
	}
	struct slice event = js_text(js_pick(m, n, S("event")), &in->scratch);

	if (slice_is(event, "open") || slice_is(event, "close") || slice_is(event, "status"))
		return TAKEN_NOTHING;
	for (int i = 0; i < n && !why; i++)
		if (!carried(m[i].key))
			why = "unknown member";
	if (!why && rec_payload(m, n, &in->scratch, &payload, &why) == 0 && payload.kind == REC_NONE)
		why = "no data, text or base64";
	if (!why && payload.bytes.n > (size_t)in->o->max_message)
		why = "longer than --max-message";
	if (why) {
		reject(in, why);
		return TAKEN_NOTHING;
	}
	*out = outmsg_new(payload.bytes, payload.kind == REC_BINARY, false);
	return TAKEN_MESSAGE;
}

static enum input_status
take_value(struct input *in, struct outmsg **m)
{
	struct slice value;
	const char *why = NULL;

	for (;;) {
		switch (jsonseq_take(&in->values, &value, &why)) {
		case JSONSEQ_OK:
			if ((*m = input_line(in->o, value, &why)))
				return INPUT_MESSAGE;
			reject(in, why);
			break;
		case JSONSEQ_BAD:
			reject(in, why);
			break;
		case JSONSEQ_TOO_LONG:
			reject(in, "longer than --max-line");
			break;
		case JSONSEQ_MORE:
			return INPUT_MORE;
		case JSONSEQ_EOF:
			in->ended = true;
			return INPUT_END;
		}
	}
}

enum input_status
input_take(struct input *in, struct outmsg **m, struct input_close *c)
{
	if (in->o->json_seq)
		return take_value(in, m);
	for (;;) {
		struct slice line;
		const char *why = NULL;

		switch (line_take(&in->lines, &line)) {
		case LINE_MORE:
			return INPUT_MORE;
		case LINE_EOF:
			in->ended = true;
			return INPUT_END;
		case LINE_TOO_LONG:
			reject(in, "longer than --max-line");
			continue;
		case LINE_OK:
			break;
		}
		if (in->o->records) {
			enum taken t = take_record(in, line, m, c);

			if (t != TAKEN_NOTHING)
				return t == TAKEN_CLOSE ? INPUT_CLOSE : INPUT_MESSAGE;
		} else if ((*m = input_line(in->o, line, &why))) {
			return INPUT_MESSAGE;
		} else {
			reject(in, why);
		}
	}
}

void
input_fill(struct input *in)
{
	ssize_t n;

	if (in->o->json_seq) {
		n = read(STDIN_FILENO, buf_reserve(&in->values.b, LINE_CHUNK), LINE_CHUNK);
		in->values.b.n += n > 0 ? (size_t)n : 0;
		in->values.eof |= n == 0;
	} else {
		n = line_fill(&in->lines);
	}
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		msg_die(EXIT_HOST, "cannot read standard input: %s", strerror(errno));
}

bool
input_waits(const struct input *in)
{
	int more = 0;

	if (in->ended)
		return false;
	if (line_pending(&in->lines) || in->values.b.n > in->values.start)
		return true;
	return ioctl(STDIN_FILENO, FIONREAD, &more) == 0 && more > 0;
}
