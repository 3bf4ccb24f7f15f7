#include <ctype.h>
#include <stdio.h>

#include "js.h"
#include "run.h"

enum {
	LOOK_MAX = 64 << 10,     /* longer messages are no replies */
	AWAIT_AUTH = UINT16_MAX, /* conn.awaited: the answer to the token */
};

struct slice
run_user(const struct run *r, uint32_t conn, char text[24])
{
	const struct config *o = r->config;

	if (o->users)
		return o->users[conn % o->ntokens];
	snprintf(text, 24, "user-%u", conn);
	return slice_str(text);
}

static void
add_lines(struct run *r, struct buf *frames, uint32_t conn, const struct stencil *t, int n,
    bool subscribe)
{
	struct buf name = { 0 }, line = { 0 };
	char user[24];
	struct stencil_values v = { .conn = conn, .room = run_room(r, conn),
		.user = run_user(r, conn, user) };

	for (int i = 0; i < n; i++) {
		buf_clear(&name);
		stencil_put(&name, &t[i], &v);
		if (subscribe) {
			buf_clear(&line);
			buf_str(&line, "{\"type\":\"subscribe\",\"payload\":{");
			js_put_member(&line, "channel", buf_view(&name));
			buf_str(&line, "}}");
		}
		client_frame(&r->client, frames, FRAME_TEXT, buf_view(subscribe ? &line : &name));
	}
	buf_free(&name);
	buf_free(&line);
}

static void
subscribe(struct run *r, struct conn *c)
{
	const struct config *o = r->config;
	struct buf frames = { 0 };
	uint32_t i = conn_number(&r->client, c);
	int fd = c->fd;

	add_lines(r, &frames, i, o->on_open, o->non_open, false);
	add_lines(r, &frames, i, o->subscribe, o->nsubscribe, true);
	c->awaited = (uint16_t)o->nsubscribe;
	if (frames.n)
		client_send(&r->client, c, buf_view(&frames));
	buf_free(&frames);
	if (c->fd == fd && !c->awaited)
		run_ready(r, c);
}

/* Authentication in the first message. */
static void
send_token(struct run *r, struct conn *c)
{
	struct buf frame = { 0 }, line = { 0 };
	uint32_t i = conn_number(&r->client, c);

	buf_str(&line, "{\"type\":\"auth\"");
	js_put_member(&line, "token", r->config->tokens[i % r->config->ntokens]);
	buf_byte(&line, '}');
	client_frame(&r->client, &frame, FRAME_TEXT, buf_view(&line));
	c->awaited = AWAIT_AUTH;
	client_send(&r->client, c, buf_view(&frame));
	buf_free(&frame);
	buf_free(&line);
}

void
setup_begin(struct run *r, struct conn *c)
{
	if (r->config->ntokens && r->config->token_in == TOKEN_MESSAGE)
		send_token(r, c);
	else
		subscribe(r, c);
}

/* The code, if it is a word or a number: it goes to the terminal. */
static bool
plain_code(struct slice val, char *text)
{
	struct buf scratch = { 0 };
	struct slice code = js_type(val) == JS_NUMBER ? val : js_text(val, &scratch);
	bool plain = code.n > 0 && code.n <= 48;

	for (size_t i = 0; plain && i < code.n; i++)
		plain = isalnum((unsigned char)code.p[i]) || strchr("_-.", code.p[i]);
	if (plain)
		snprintf(text, STATS_KIND_MAX, "error reply %.*s", (int)code.n, code.p);
	buf_free(&scratch);
	return plain;
}

static bool
is_type(struct slice object, const char *name)
{
	struct buf scratch = { 0 };
	bool same = slice_is(js_text(js_get(object, S("type")), &scratch), name);

	buf_free(&scratch);
	return same;
}

bool
setup_error_code(struct slice message, char *text)
{
	if (message.n > LOOK_MAX || !memmem(message.p, message.n, "\"error\"", 7) ||
	    !js_valid(message, NULL))
		return false;
	message = slice_trim(message);
	if (!is_type(message, "error"))
		return false;
	if (!plain_code(js_path(message, S("payload.code")), text) &&
	    !plain_code(js_path(message, S("data.code")), text) &&
	    !plain_code(js_get(message, S("code")), text))
		snprintf(text, STATS_KIND_MAX, "error reply");
	return true;
}

void
setup_message(struct run *r, struct conn *c, struct slice message)
{
	char kind[STATS_KIND_MAX];

	if (setup_error_code(message, kind)) {
		run_refused(r, c, kind);
		return;
	}
	if (message.n > LOOK_MAX || !js_valid(message, NULL))
		return;
	message = slice_trim(message);
	if (c->awaited == AWAIT_AUTH) {
		if (is_type(message, "auth_success"))
			subscribe(r, c);
	} else if (c->awaited && is_type(message, "subscribed") && --c->awaited == 0) {
		run_ready(r, c);
	}
}
