#include "spell.h"

#include <stdlib.h>

#include "conn.h"
#include "mem.h"
#include "server.h"

static const struct spelling *const spellings[] = { &spell_payload, &spell_topic,
	&spell_channel, NULL };

const char *
code_name(enum code code)
{
	static const char *const names[] = { "UNKNOWN_ERROR", "INVALID_MESSAGE", "INVALID_ROOM",
		"RATE_LIMIT_EXCEEDED", "AUTHENTICATION_FAILED", "AUTHORIZATION_FAILED",
		"CONNECTION_ERROR" };

	return names[code];
}

const struct spelling *
spell_find(struct slice name)
{
	for (int i = 0; spellings[i]; i++)
		if (slice_is(name, spellings[i]->name))
			return spellings[i];
	return NULL;
}

const char *
endpoint_parse(struct endpoint *e, const char *text)
{
	struct slice spelling = slice_str(text), path = slice_cut(&spelling, '=');

	if (!path.n || (path.p[0] != '/' && !slice_is(path, "*")))
		return "not PATH=SPELLING, where PATH begins with '/' or is '*'";
	if (slice_find(path, '?') < path.n || slice_find(path, '#') < path.n)
		return "a path has no '?' and no '#'";
	e->spelling = spell_find(spelling);
	if (!e->spelling)
		return "the spelling is not one of payload, topic, channel";
	e->path = mem_copy(path.p, path.n);
	return NULL;
}

void
spell_begin(struct buf *b, const char *type)
{
	buf_clear(b);
	buf_byte(b, '{');
	js_put_member(b, "type", slice_str(type));
}

void
spell_end(struct buf *b, struct slice correlation, struct slice id)
{
	char now[25];

	server_timestamp(now);
	if (correlation.n)
		js_put_member_raw(b, "correlationId", correlation);
	if (id.n)
		js_put_member_raw(b, "id", id);
	js_put_member(b, "timestamp", slice_of(now, 24));
	buf_byte(b, '}');
}

void
spell_put_list(struct buf *b, const char *name, const struct slice *list, uint32_t n)
{
	js_put_key(b, name);
	buf_byte(b, '[');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_byte(b, ',');
		js_put_string(b, list[i]);
	}
	buf_byte(b, ']');
}

void
spell_put_user(struct buf *b, const struct conn *c)
{
	if (c->id.user)
		js_put_member(b, "userId", conn_user(c));
	else
		js_put_member_raw(b, "userId", S("null"));
}

void
spell_put_error(struct buf *b, enum code code, struct slice message, struct slice channel)
{
	js_put_member(b, "code", slice_str(code_name(code)));
	js_put_member(b, "message", message);
	if (channel.n)
		js_put_member(b, "channel", channel);
}

bool
spell_names_sender(struct slice key)
{
	return js_key_is(key, S("from")) || js_key_is(key, S("conn")) ||
	    js_key_is(key, S("timestamp"));
}

bool
spell_names_rooms(struct slice key)
{
	return js_key_is(key, S("channel")) || js_key_is(key, S("channels")) ||
	    js_key_is(key, S("room")) || js_key_is(key, S("topic"));
}
