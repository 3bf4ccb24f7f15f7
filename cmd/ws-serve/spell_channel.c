/* The spelling with everything under `data`. */
#include "conn.h"
#include "spell.h"

static void
open_data(struct buf *b)
{
	js_put_key(b, "data");
	buf_byte(b, '{');
}

static void
welcome(struct buf *b, const struct conn *c)
{
	open_data(b);
	js_put_key(b, "connection_id");
	buf_byte(b, '"');
	conn_put_id(b, c);
	buf_add(b, "\"}", 2);
}

static void
authenticated(struct buf *b, const struct conn *c)
{
	open_data(b);
	spell_put_user(b, c);
	buf_byte(b, '}');
}

static void
rooms(struct buf *b, const struct slice *list, uint32_t n, bool several)
{
	(void)several;
	open_data(b);
	spell_put_list(b, "channels", list, n);
	buf_byte(b, '}');
}

static void
error(struct buf *b, enum code code, struct slice message, struct slice room)
{
	open_data(b);
	spell_put_error(b, code, message, room);
	buf_byte(b, '}');
}

static void
relay(struct buf *b, struct slice room, const struct js_member *m, int n, const char **skip)
{
	(void)m;
	(void)n;
	*skip = NULL;
	js_put_member(b, "channel", room);
}

const struct spelling spell_channel = {
	.name = "channel",
	.content = "data",
	.welcome_type = "connected",
	.welcome = welcome,
	.authenticated = authenticated,
	.rooms = rooms,
	.error = error,
	.relay = relay,
};
