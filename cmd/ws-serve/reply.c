#include "reply.h"

#include "conn.h"
#include "events.h"
#include "send.h"
#include "server.h"

enum { TOLD = 256 }; /* bytes of a refused room's name that are shown */

static struct buf reply; /* one at a time */

static void
say(struct conn *c)
{
	send_conn(c, &(struct message){ .body = buf_view(&reply) });
}

void
reply_error(struct conn *c, enum code code, struct slice message, struct slice room,
    struct slice correlation, struct slice id)
{
	if (room.n > TOLD)
		room.n = TOLD;
	spell_begin(&reply, "error");
	conn_spelling(c)->error(&reply, code, message, room);
	spell_end(&reply, correlation, id);
	say(c);
}

void
reply_welcome(struct conn *c)
{
	const struct spelling *spelling = conn_spelling(c);

	if (!spelling->welcome_type)
		return;
	spell_begin(&reply, spelling->welcome_type);
	spelling->welcome(&reply, c);
	spell_end(&reply, slice_of("", 0), slice_of("", 0));
	say(c);
}

void
reply_authenticated(struct conn *c, struct slice correlation, struct slice id)
{
	spell_begin(&reply, "auth_success");
	conn_spelling(c)->authenticated(&reply, c);
	spell_end(&reply, correlation, id);
	say(c);
}

void
reply_rooms(struct conn *c, const char *type, const struct slice *rooms, uint32_t n, bool several,
    struct slice correlation, struct slice id)
{
	spell_begin(&reply, type);
	conn_spelling(c)->rooms(&reply, rooms, n, several);
	spell_end(&reply, correlation, id);
	say(c);
}

void
reply_pong(struct conn *c, struct slice correlation, struct slice id)
{
	spell_begin(&reply, "pong");
	spell_end(&reply, correlation, id);
	say(c);
}

void
reply_report(struct conn *c, enum event_kind kind, struct slice room, const char *code,
    const char *reason)
{
	struct server *s = c->server;
	struct buf *b;

	if (!event_wanted(s, kind))
		return;
	b = event_begin(s, kind);
	conn_put_who(b, c);
	if (room.n)
		js_put_member(b, "room", room.n > TOLD ? slice_of(room.p, TOLD) : room);
	if (code)
		js_put_member(b, "code", slice_str(code));
	if (reason)
		js_put_member(b, "reason", slice_str(reason));
	event_end(s, c, room);
}
