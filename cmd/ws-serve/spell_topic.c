/* The spelling with members at the top level and errors as numbers. */
#include "conn.h"
#include "spell.h"

static void
authenticated(struct buf *b, const struct conn *c)
{
	if (c->id.user)
		js_put_member(b, "userId", conn_user(c));
	else
		js_put_member_raw(b, "userId", S("null"));
}

static void
rooms(struct buf *b, const struct slice *list, uint32_t n, bool several)
{
	if (several)
		spell_put_list(b, "topics", list, n);
	else
		js_put_member(b, "topic", list[0]);
}

static void
error(struct buf *b, enum code code, struct slice message, struct slice room)
{
	js_put_member_int(b, "code", code);
	js_put_member(b, "message", message);
	if (room.n)
		js_put_member(b, "topic", room);
}

static void
relay(struct buf *b, struct slice room, const struct js_member *m, int n, const char **skip)
{
	(void)m;
	(void)n;
	*skip = NULL;
	js_put_member(b, "topic", room);
}

const struct spelling spell_topic = {
	.name = "topic",
	.content = "data",
	.authenticated = authenticated,
	.rooms = rooms,
	.error = error,
	.relay = relay,
	.relay_extra = "\"eventType\":\"message.sent\"",
};
