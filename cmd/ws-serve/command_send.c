/* Messages to rooms and connections. */
#include "command_private.h"

#include "conn.h"
#include "control.h"
#include "send.h"
#include "server.h"

/* Those that watch rooms see what goes there. */
static void
show_rooms(struct command *c, const struct message *m)
{
	struct slice to = c->v[W_TO], key, value;
	struct buf scratch = { 0 };

	if (!control_watches_rooms(c->server))
		return;
	/* Not the command's own scratch: the message stands there. */
	if (js_type(to) == JS_STRING)
		control_room_sent(c->server, js_text(to, &scratch), m);
	for (struct js_walk w = js_walk(to); js_next(&w, &key, &value); buf_clear(&scratch))
		control_room_sent(c->server, js_text(value, &scratch), m);
	buf_free(&scratch);
}

int64_t
command_message(struct command *c)
{
	struct rec_payload payload;
	struct message message;
	struct target t;

	if (!command_target(c, &t))
		return -1;
	if (!command_only(c, WORDS_TARGET | WORD(W_EXCEPT) | WORD(W_PAYLOAD)))
		return command_fail(c, "a message has members that do not belong to it");
	if (rec_payload(c->m, c->n, &c->server->commands->scratch, &payload, &c->why))
		return -1;
	if (payload.kind == REC_NONE)
		return command_fail(c, "none of data, text and base64");
	message = (struct message){ payload.bytes, payload.kind == REC_BINARY };
	show_rooms(c, &message);
	if (t.conn) {
		if (target_excepts(&t, t.conn))
			return 0;
		send_conn(t.conn, &message);
		return 1;
	}
	if (!t.rooms->n)
		return 0;
	return (int64_t)send_union(c->server, t.rooms->v, t.rooms->n, t.except, t.excepts, NULL,
	    &message);
}

int64_t
command_send(struct server *s, const struct slice *names, uint32_t names_n,
    const struct spelling *only, struct slice body, bool binary)
{
	struct room_list *rooms = &s->commands->rooms;
	struct message message = { body, binary };

	rooms->n = 0;
	if (!names_n)
		room_list_add(rooms, room_all(s));
	for (uint32_t i = 0; i < names_n; i++) {
		room_list_named(rooms, s, names[i]);
		control_room_sent(s, names[i], &message);
	}
	if (!rooms->n)
		return 0;
	return (int64_t)send_union(s, rooms->v, rooms->n, NULL, 0, only, &message);
}
