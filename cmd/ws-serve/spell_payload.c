/* The spelling with everything under `payload`. */
#include "room.h"
#include "spell.h"

static void
open_payload(struct buf *b)
{
	js_put_key(b, "payload");
	buf_byte(b, '{');
}

static void
welcome(struct buf *b, const struct conn *c)
{
	open_payload(b);
	spell_put_user(b, c);
	room_put_names(b, c);
	buf_byte(b, '}');
}

static void
authenticated(struct buf *b, const struct conn *c)
{
	open_payload(b);
	spell_put_user(b, c);
	buf_byte(b, '}');
}

static void
rooms(struct buf *b, const struct slice *list, uint32_t n, bool several)
{
	open_payload(b);
	if (several)
		spell_put_list(b, "channels", list, n);
	else
		js_put_member(b, "channel", list[0]);
	buf_byte(b, '}');
}

static void
error(struct buf *b, enum code code, struct slice message, struct slice room)
{
	open_payload(b);
	spell_put_error(b, code, message, room);
	buf_byte(b, '}');
}

/* The room goes where the client put it; the client's own payload stays around it, but
 * for what a reader who looks there for all would take as ours. */
static void
relay(struct buf *b, struct slice room, const struct js_member *m, int n, const char **skip)
{
	struct slice payload = js_pick(m, n, S("payload")), key, value;

	*skip = "payload";
	open_payload(b);
	js_put_member(b, "channel", room);
	if (js_type(payload) == JS_OBJECT) {
		for (struct js_walk w = js_walk(payload); js_next(&w, &key, &value);) {
			if (spell_names_rooms(key) || spell_names_sender(key))
				continue;
			buf_byte(b, ',');
			buf_byte(b, '"');
			buf_slice(b, key);
			buf_add(b, "\":", 2);
			js_put_flat(b, value);
		}
	} else if (payload.n) {
		js_put_member_raw(b, "data", payload);
	}
	buf_byte(b, '}');
}

const struct spelling spell_payload = {
	.name = "payload",
	.content = "payload",
	.welcome_type = "connection:established",
	.welcome = welcome,
	.authenticated = authenticated,
	.rooms = rooms,
	.error = error,
	.relay = relay,
};
