#include "watch.h"

#include <stdlib.h>

#include "conn.h"
#include "frame.h"
#include "js.h"
#include "mem.h"
#include "rec.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "topic.h"

enum watch_kind { WATCH_USER, WATCH_CONN, WATCH_ROOM };

struct watch {
	enum watch_kind kind;
	uint64_t number; /* WATCH_CONN */
	char *name;      /* else; not terminated */
	size_t n;
};

static struct slice
name_of(const struct watch *w)
{
	return slice_of(w->name, w->n);
}

static bool
wants_conn(const struct watcher *w, const struct conn *c)
{
	for (int i = 0; i < w->n; i++)
		if (w->watch[i].kind == WATCH_CONN ? w->watch[i].number == c->number
			: w->watch[i].kind == WATCH_USER && c->id.user &&
			    slice_eq(name_of(&w->watch[i]), conn_user(c)))
			return true;
	return false;
}

static bool
wants_room(const struct watcher *w, struct slice room)
{
	for (int i = 0; i < w->n; i++)
		if (w->watch[i].kind == WATCH_ROOM && slice_eq(name_of(&w->watch[i]), room))
			return true;
	return false;
}

bool
watch_wants(const struct watcher *w, const struct conn *c, struct slice room)
{
	return (c && wants_conn(w, c)) || (room.n && wants_room(w, room));
}

void
watch_opened(struct watching *x, struct conn *c)
{
	for (struct watcher *w = x->first; w && !c->watched; w = w->next)
		c->watched = wants_conn(w, c);
}

/* --- what is sent --- */

static void
put_message(struct watching *x, struct slice body, bool binary)
{
	enum rec_form form = (enum rec_form)x->server->config->payload;

	rec_put_payload(&x->line, body, form, binary);
}

static void
begin(struct watching *x)
{
	buf_clear(&x->line);
	buf_str(&x->line, "{\"event\":\"sent\"");
	rec_put_now(&x->line);
}

static void
tell_conn(struct watching *x, struct conn *c, struct slice body, bool binary)
{
	begin(x);
	conn_put_who(&x->line, c);
	put_message(x, body, binary);
	js_put_member_int(&x->line, "queued", (int64_t)c->queued);
	js_put_member_int(&x->line, "dropped", (int64_t)c->dropped);
	buf_add(&x->line, "}\n", 2);
	for (struct watcher *w = x->first; w; w = w->next)
		if (wants_conn(w, c))
			w->line(w, buf_view(&x->line));
}

/* The tap of send.h: whole frames, of whole messages. */
static void
on_sent(void *ctx, struct conn *c, struct slice frames)
{
	struct buf message = { 0 };
	struct frame f;
	bool binary = false;

	while (frame_decode(frames, false, false, &f, NULL) == FRAME_OK &&
	    f.length <= frames.n - f.header) {
		struct slice payload = slice_of(frames.p + f.header, (size_t)f.length);

		frames = slice_from(frames, f.header + (size_t)f.length);
		if (f.opcode != FRAME_CONTINUATION) {
			binary = f.opcode == FRAME_BINARY;
			buf_clear(&message);
		}
		/* Most messages are one frame, which need not be copied. */
		if (!f.fin || f.opcode == FRAME_CONTINUATION) {
			buf_slice(&message, payload);
			payload = buf_view(&message);
		}
		if (f.fin)
			tell_conn(ctx, c, payload, binary);
	}
	buf_free(&message);
}

void
watch_room_sent(struct watching *x, struct slice room, const struct message *m)
{
	bool begun = false;

	for (struct watcher *w = x->rooms ? x->first : NULL; w; w = w->next) {
		if (!wants_room(w, room))
			continue;
		if (!begun) {
			begin(x);
			js_put_member(&x->line, "room", room);
			put_message(x, m->body, m->binary);
			buf_add(&x->line, "}\n", 2);
			begun = true;
		}
		w->line(w, buf_view(&x->line));
	}
}

/* --- adding and ending --- */

void
watching_init(struct watching *x, struct server *s)
{
	*x = (struct watching){ .server = s };
	send_tap(s, on_sent, x);
}

void
watching_free(struct watching *x)
{
	send_tap(x->server, NULL, NULL);
	buf_free(&x->line);
}

/* What `what` describes, in *watch; its name is allocated. */
static const char *
parse(struct watching *x, struct slice what, struct watch *watch)
{
	static const struct {
		struct slice name;
		enum watch_kind kind;
	} kinds[] = { { { "user", 4 }, WATCH_USER }, { { "conn", 4 }, WATCH_CONN },
		{ { "room", 4 }, WATCH_ROOM } };
	struct buf scratch = { 0 };
	struct slice key, value, name;
	const char *why = "watch is not an object with one of user, conn and room";
	struct js_walk walk = js_walk(what);
	struct conn *c;
	int kind = -1;

	if (js_type(what) != JS_OBJECT || !js_next(&walk, &key, &value))
		return why;
	for (int i = 0; i < 3; i++)
		if (js_key_is(key, kinds[i].name))
			kind = i;
	name = js_text(value, &scratch);
	if (kind < 0 || js_next(&walk, &key, &value) || !name.n)
		goto out;
	*watch = (struct watch){ .kind = kinds[kind].kind };
	why = NULL;
	if (watch->kind == WATCH_CONN) {
		if ((c = conn_find(x->server, name)))
			watch->number = c->number;
		else
			why = "no such connection";
	} else if (watch->kind == WATCH_ROOM) {
		why = topic_name_error(name);
	}
	if (!why && watch->kind != WATCH_CONN) {
		watch->name = mem_copy(name.p, name.n);
		watch->n = name.n;
	}
out:
	buf_free(&scratch);
	return why;
}

const char *
watch_add(struct watching *x, struct watcher *w, struct slice what)
{
	struct watch watch;
	const char *why;

	if (w->n == WATCH_MOST)
		return "there are 16 watches already";
	if ((why = parse(x, what, &watch)))
		return why;
	w->watch = mem_resize(w->watch, (size_t)w->n + 1, sizeof(*w->watch));
	w->watch[w->n++] = watch;
	x->rooms += watch.kind == WATCH_ROOM;
	if (w->n == 1) {
		w->prev = NULL;
		w->next = x->first;
		if (x->first)
			x->first->prev = w;
		x->first = w;
	}
	for (struct conn *c = conn_first(x->server); c; c = c->next)
		watch_opened(x, c);
	return NULL;
}

void
watch_end(struct watching *x, struct watcher *w)
{
	if (!w->n)
		return;
	for (int i = 0; i < w->n; i++) {
		x->rooms -= w->watch[i].kind == WATCH_ROOM;
		free(w->watch[i].name);
	}
	free(w->watch);
	w->watch = NULL;
	w->n = 0;
	if (w->prev)
		w->prev->next = w->next;
	else
		x->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	for (struct conn *c = conn_first(x->server); c; c = c->next) {
		c->watched = false;
		watch_opened(x, c);
	}
}
