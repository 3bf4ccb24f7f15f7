/* The spelling with members at the top level and errors as numbers. */
#include "spell.h"

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
	.authenticated = spell_put_user,
	.rooms = rooms,
	.error = error,
	.relay = relay,
	.relay_extra = "\"eventType\":\"message.sent\"",
};
