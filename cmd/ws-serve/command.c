#include "command.h"

#include <stdlib.h>
#include <sys/random.h>

#include "blocks.h"
#include "client.h"
#include "conn.h"
#include "control.h"
#include "flood.h"
#include "mem.h"
#include "num.h"
#include "rec.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "topic.h"

enum { REASON_MOST = 123, ROOMS_MOST = 1024, EXCEPT_MOST = 1024 };

enum word {
	W_TO, W_ALL, W_CONN, W_USER, W_JOIN, W_LEAVE, W_CLOSE, W_REASON, W_BLOCK, W_SPREAD,
	W_EXCEPT, W_RELOAD, W_ID, W_TAG, W_EVENT, W_PAYLOAD, W_RECORD, W_UNKNOWN, W_COUNT,
};

/* Members of a command. Those of records are allowed and not looked at. */
static const struct {
	struct slice name;
	enum word word;
} words[] = {
	{ { "to", 2 }, W_TO }, { { "id", 2 }, W_ID }, { { "all", 3 }, W_ALL },
	{ { "tag", 3 }, W_TAG }, { { "key", 3 }, W_RECORD }, { { "data", 4 }, W_PAYLOAD },
	{ { "text", 4 }, W_PAYLOAD }, { { "conn", 4 }, W_CONN }, { { "user", 4 }, W_USER },
	{ { "join", 4 }, W_JOIN }, { { "time", 4 }, W_RECORD }, { { "node", 4 }, W_RECORD },
	{ { "leave", 5 }, W_LEAVE }, { { "close", 5 }, W_CLOSE }, { { "block", 5 }, W_BLOCK },
	{ { "event", 5 }, W_EVENT }, { { "queue", 5 }, W_RECORD }, { { "base64", 6 }, W_PAYLOAD },
	{ { "reason", 6 }, W_REASON }, { { "spread", 6 }, W_SPREAD },
	{ { "except", 6 }, W_EXCEPT }, { { "reload", 6 }, W_RELOAD },
	{ { "headers", 7 }, W_RECORD }, { { "channel", 7 }, W_RECORD },
	{ { "pattern", 7 }, W_RECORD }, { { "exchange", 8 }, W_RECORD },
	{ { "properties", 10 }, W_RECORD }, { { "redelivered", 11 }, W_RECORD },
};

struct verb {
	const char *name;
	const char *const *allowed;
	command_verb *run;
};

/* A reload whose verdict somebody waits for. */
struct waiter {
	struct server *server;
	struct source *source; /* NULL: gone */
	char *id;              /* JSON value, NULL: none */
	struct waiter *next;
};

struct commands {
	struct verb verbs[COMMAND_VERBS];
	int verb_count;
	struct waiter *waiters;
	struct blocks blocks;
	struct buf answer, scratch;
	struct room_list rooms;  /* of the command in hand */
};

/* A command in hand. */
struct command {
	struct server *server;
	struct source *source;
	struct slice v[W_COUNT]; /* by word; empty: not there */
	struct js_member m[REC_MEMBERS];
	int n;
	const char *why;         /* what is wrong with it */
};

void
commands_new(struct server *s)
{
	s->commands = mem_zero(1, sizeof(*s->commands));
}

void
commands_free(struct server *s)
{
	struct commands *x = s->commands;

	while (x->waiters) {
		struct waiter *w = x->waiters;

		x->waiters = w->next;
		free(w->id);
		free(w);
	}
	blocks_free(&x->blocks);
	buf_free(&x->answer);
	buf_free(&x->scratch);
	free(x->rooms.v);
	free(x);
	s->commands = NULL;
}

void
command_verb_add(struct server *s, const char *name, const char *const *allowed,
    command_verb *run)
{
	struct commands *x = s->commands;

	if (x->verb_count < COMMAND_VERBS)
		x->verbs[x->verb_count++] = (struct verb){ name, allowed, run };
}

void
command_source_gone(struct server *s, struct source *source)
{
	send_source_gone(s, source);
	for (struct waiter *w = s->commands->waiters; w; w = w->next)
		if (w->source == source)
			w->source = NULL;
}

bool
command_blocked(const struct server *s, struct slice user, struct slice remote)
{
	const struct blocks *b = &s->commands->blocks;
	int64_t now = server_now_us(s);

	if (!b->table.n)
		return false;
	return (user.n && blocks_has(b, BLOCK_USER, user, now)) ||
	    blocks_has(b, BLOCK_ADDRESS, blocks_address(remote), now);
}

/* --- answers --- */

static void
begin_answer(struct buf *b, const char *event, struct slice id)
{
	buf_clear(b);
	buf_str(b, "{\"event\":\"");
	buf_str(b, event);
	buf_byte(b, '"');
	if (id.n)
		js_put_member_raw(b, "id", id);
}

static void
end_answer(struct source *source, struct buf *b)
{
	buf_add(b, "}\n", 2);
	if (source->answer)
		source->answer(source, buf_view(b));
}

/* An error goes to whoever gave the command an id, else to people. */
static void
wrong(struct server *s, struct source *source, struct slice id, const char *why)
{
	static struct flood bad;

	s->counters.command_errors++;
	if (source->answer && (id.n || source->errors)) {
		begin_answer(&s->commands->answer, "error", id);
		js_put_member(&s->commands->answer, "error", slice_str(why));
		/* Without an id the number is all that tells which line it was. */
		if (!id.n)
			js_put_member_int(&s->commands->answer, "line", (int64_t)source->line);
		end_answer(source, &s->commands->answer);
	}
	if (!source->errors && !id.n)
		flood_warn(&bad, "%s: line %llu: %s", source->name,
		    (unsigned long long)source->line, why);
}

static void
done(struct server *s, struct source *source, struct slice id, int64_t reached)
{
	if (!id.n)
		return;
	begin_answer(&s->commands->answer, "done", id);
	js_put_member_int(&s->commands->answer, "reached", reached);
	end_answer(source, &s->commands->answer);
}

/* --- parts of a command --- */

static int64_t
fail(struct command *c, const char *why)
{
	c->why = why;
	return -1;
}

static enum word
word_of(struct slice key)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (key.n == words[i].name.n && memcmp(key.p, words[i].name.p, key.n) == 0)
			return words[i].word;
	return W_UNKNOWN;
}

/* True when only these words are there, apart from what any record may have. */
static bool
only(const struct command *c, const enum word *allowed, size_t n)
{
	for (int w = 0; w < W_COUNT; w++) {
		bool ok = w == W_ID || w == W_TAG || w == W_RECORD || !c->v[w].n;

		for (size_t i = 0; i < n && !ok; i++)
			ok = allowed[i] == (enum word)w;
		if (!ok)
			return false;
	}
	return true;
}

static struct slice
text_of(struct command *c, enum word w)
{
	return js_text(c->v[w], &c->server->commands->scratch);
}

/* A name in `to`, or of a room to join: as a room may be called. */
static const char *
room_error(struct slice name)
{
	if (!name.p)
		return "a room is not a string";
	return topic_name_error(name);
}

/* The rooms of the command's target, in *list; their number, or -1 when it is wrong. A
 * `conn` has none: *conn. */
static int64_t
target(struct command *c, struct room_list *list, struct conn **conn)
{
	struct server *s = c->server;
	struct room *r;
	struct slice name, key, value;
	int names = 0;
	int targets = !!c->v[W_TO].n + !!c->v[W_ALL].n + !!c->v[W_CONN].n + !!c->v[W_USER].n;

	*conn = NULL;
	list->n = 0;
	if (targets != 1)
		return fail(c, targets ? "more than one of to, all, conn and user"
			: "none of to, all, conn and user");
	if (c->v[W_ALL].n) {
		if (js_type(c->v[W_ALL]) != JS_TRUE)
			return fail(c, "all is not true");
		room_list_add(list, room_all(s));
		return 1;
	}
	if (c->v[W_CONN].n || c->v[W_USER].n) {
		name = text_of(c, c->v[W_CONN].n ? W_CONN : W_USER);
		if (!name.p)
			return fail(c, c->v[W_CONN].n ? "conn is not a string" : "user is not a string");
		if (c->v[W_CONN].n) {
			*conn = conn_find(s, name);
			return 0;
		}
		if ((r = room_find(s, ROOM_USER, name)))
			room_list_add(list, r);
		return list->n;
	}
	switch (js_type(c->v[W_TO])) {
	case JS_STRING:
		name = text_of(c, W_TO);
		if ((c->why = room_error(name)))
			return -1;
		room_list_named(list, s, name);
		return list->n;
	case JS_ARRAY:
		for (struct js_walk w = js_walk(c->v[W_TO]); js_next(&w, &key, &value);) {
			name = js_text(value, &s->commands->scratch);
			if ((c->why = room_error(name)))
				return -1;
			if (names++ == ROOMS_MOST)
				return fail(c, "to has more than 1024 rooms");
			room_list_named(list, s, name);
		}
		return list->n;
	default:
		return fail(c, "to is neither a room nor a list of rooms");
	}
}

/* Connections to leave out; -1 when that is wrong. */
static int64_t
excepted(struct command *c, struct conn **list)
{
	struct slice value = c->v[W_EXCEPT], key, item;
	int64_t n = 0;

	if (!value.n)
		return 0;
	if (js_type(value) == JS_STRING) {
		list[0] = conn_find(c->server, text_of(c, W_EXCEPT));
		return list[0] ? 1 : 0;
	}
	if (js_type(value) != JS_ARRAY)
		return fail(c, "except is neither a connection nor a list of them");
	for (struct js_walk w = js_walk(value); js_next(&w, &key, &item);) {
		if (js_type(item) != JS_STRING)
			return fail(c, "except holds something that is no string");
		if (n == EXCEPT_MOST)
			return fail(c, "except has more than 1024 connections");
		list[n] = conn_find(c->server, js_text(item, &c->server->commands->scratch));
		if (list[n])
			n++;
	}
	return n;
}

static bool
is_excepted(struct conn *const *list, int64_t n, const struct conn *c)
{
	while (n-- > 0)
		if (list[n] == c)
			return true;
	return false;
}

/* --- the commands --- */

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

static int64_t
run_send(struct command *c)
{
	static struct conn *except[EXCEPT_MOST];
	static const enum word allowed[] = { W_TO, W_ALL, W_CONN, W_USER, W_EXCEPT, W_PAYLOAD };
	struct room_list *rooms = &c->server->commands->rooms;
	struct rec_payload payload;
	struct message message;
	struct conn *conn;
	int64_t n = target(c, rooms, &conn), excepts;

	if (n < 0 || (excepts = excepted(c, except)) < 0)
		return -1;
	if (!only(c, allowed, sizeof(allowed) / sizeof(*allowed)))
		return fail(c, "a message has members that do not belong to it");
	if (rec_payload(c->m, c->n, &c->server->commands->scratch, &payload, &c->why))
		return -1;
	if (payload.kind == REC_NONE)
		return fail(c, "none of data, text and base64");
	message = (struct message){ payload.bytes, payload.kind == REC_BINARY };
	show_rooms(c, &message);
	if (conn) {
		if (is_excepted(except, excepts, conn))
			return 0;
		send_conn(conn, &message);
		return 1;
	}
	if (!n)
		return 0;
	return (int64_t)send_union(c->server, rooms->v, rooms->n, except, (uint32_t)excepts, NULL,
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

/* The connections of the target, each once, in a list of their own: what is done to
 * them changes the rooms. -1 when the target is wrong. *list is to be freed. */
static int64_t
connections(struct command *c, struct conn ***list)
{
	static struct conn *except[EXCEPT_MOST];
	struct room_list *rooms = &c->server->commands->rooms;
	struct conn *conn, **all;
	int64_t n = target(c, rooms, &conn), excepts, count = 0;
	size_t most = 1;

	*list = NULL;
	if (n < 0 || (excepts = excepted(c, except)) < 0)
		return -1;
	for (int64_t i = 0; i < n; i++)
		most += rooms->v[i]->count;
	all = *list = mem_alloc(most * sizeof(*all));
	if (conn && !is_excepted(except, excepts, conn))
		all[count++] = conn;
	for (int64_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < rooms->v[i]->count; k++) {
			struct conn *member = rooms->v[i]->members[k].conn;
			bool seen = is_excepted(except, excepts, member);

			/* In an earlier room of the list already. */
			for (int64_t e = 0; e < i && !seen; e++)
				seen = room_has(rooms->v[e], member);
			if (!seen)
				all[count++] = member;
		}
	return count;
}

static int64_t
run_rooms(struct command *c, bool joining)
{
	static const enum word allowed[] = { W_CONN, W_USER, W_JOIN, W_LEAVE };
	struct slice room = text_of(c, joining ? W_JOIN : W_LEAVE);
	struct conn **list;
	const char *why = NULL;
	int64_t n, reached = 0;
	struct buf name = { 0 };

	if ((c->why = room_error(room)))
		return -1;
	if (!only(c, allowed, sizeof(allowed) / sizeof(*allowed)) ||
	    (c->v[W_JOIN].n && c->v[W_LEAVE].n))
		return fail(c, joining ? "join goes with conn or user and nothing else"
			: "leave goes with conn or user and nothing else");
	/* Looking up the target may move the buffer that the name stands in. */
	buf_slice(&name, room);
	n = connections(c, &list);
	for (int64_t i = 0; i < n; i++) {
		const char *refused = NULL;

		if (joining)
			refused = client_join(list[i], buf_view(&name));
		else
			client_leave(list[i], buf_view(&name));
		if (refused)
			why = refused;
		else
			reached++;
	}
	free(list);
	buf_free(&name);
	if (why && !reached)
		return fail(c, why);
	return n < 0 ? -1 : reached;
}

static bool
duration_of(struct command *c, enum word w, int64_t *ms)
{
	struct slice text;
	char copy[32];

	*ms = 0;
	if (!c->v[w].n)
		return true;
	text = text_of(c, w);
	if (!text.p || text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return strlen(copy) == text.n && num_duration(copy, ms) == 0 && *ms <= 365 * 86400000ll;
}

static void
block(struct command *c, const struct conn *conn, int64_t ms)
{
	int64_t now = server_now_us(c->server);
	struct slice user = conn_user(conn);

	blocks_add(&c->server->commands->blocks, user.n ? BLOCK_USER : BLOCK_ADDRESS,
	    user.n ? user : blocks_address(slice_str(conn->remote)), now + ms * 1000, now);
}

static int64_t
run_close(struct command *c)
{
	static const enum word allowed[] = { W_TO, W_ALL, W_CONN, W_USER, W_EXCEPT, W_CLOSE,
		W_REASON, W_BLOCK, W_SPREAD };
	struct slice reason = slice_of("", 0), user;
	struct buf copy = { 0 };
	int64_t code, block_ms, spread_ms, n;
	struct conn **list;

	if (!js_int(c->v[W_CLOSE], &code) || !(code == 1000 || (code >= 3000 && code <= 4999)))
		return fail(c, "close is not 1000 and not between 3000 and 4999");
	if (c->v[W_REASON].n) {
		reason = text_of(c, W_REASON);
		if (!reason.p || reason.n > REASON_MOST)
			return fail(c, "reason is not a string of at most 123 bytes");
	}
	buf_slice(&copy, reason);
	if (!only(c, allowed, sizeof(allowed) / sizeof(*allowed)))
		c->why = "close has members that do not belong to it";
	else if (!duration_of(c, W_BLOCK, &block_ms))
		c->why = "block is not a duration such as \"10m\"";
	else if (!duration_of(c, W_SPREAD, &spread_ms))
		c->why = "spread is not a duration such as \"30s\"";
	n = c->why ? -1 : connections(c, &list);
	if (n >= 0) {
		/* A user can be kept out before it ever came. */
		user = c->v[W_USER].n ? text_of(c, W_USER) : slice_of("", 0);
		if (block_ms && user.n)
			blocks_add(&c->server->commands->blocks, BLOCK_USER, user,
			    server_now_us(c->server) + block_ms * 1000, server_now_us(c->server));
		for (int64_t i = 0; i < n; i++) {
			if (block_ms)
				block(c, list[i], block_ms);
			if (spread_ms)
				conn_close_later(list[i], spread_ms, (unsigned)code, buf_view(&copy));
			else
				conn_close(list[i], (unsigned)code, buf_view(&copy));
		}
		free(list);
	}
	buf_free(&copy);
	return n;
}

static void
reloaded(void *ctx, const char *why)
{
	struct waiter *w = ctx, **p;
	struct commands *x = w->server->commands;

	for (p = &x->waiters; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	if (w->source) {
		struct slice id = w->id ? slice_str(w->id) : slice_of("", 0);

		if (why)
			wrong(w->server, w->source, id, why);
		else
			done(w->server, w->source, id, (int64_t)conn_count(w->server));
	}
	free(w->id);
	free(w);
}

static int64_t
run_reload(struct command *c)
{
	static const enum word allowed[] = { W_RELOAD };
	struct commands *x = c->server->commands;
	struct waiter *w;

	if (js_type(c->v[W_RELOAD]) != JS_TRUE || !only(c, allowed, 1))
		return fail(c, "reload is true and stands alone");
	w = mem_zero(1, sizeof(*w));
	w->server = c->server;
	w->source = c->source;
	w->id = c->v[W_ID].n ? mem_copy(c->v[W_ID].p, c->v[W_ID].n) : NULL;
	w->next = x->waiters;
	x->waiters = w;
	server_reload(c->server, reloaded, w);
	return 0;
}

/* A line with a verb of its own. NULL when there is none of that name in it. */
static const struct verb *
find_verb(const struct command *c)
{
	const struct commands *x = c->server->commands;

	for (int i = 0; i < x->verb_count; i++)
		if (js_pick(c->m, c->n, slice_str(x->verbs[i].name)).n)
			return &x->verbs[i];
	return NULL;
}

static int64_t
run_verb(struct command *c, const struct verb *verb)
{
	struct buf *b = &c->server->commands->answer;

	for (int i = 0; i < c->n; i++) {
		enum word w = word_of(c->m[i].key);
		bool ok = w == W_ID || w == W_TAG || w == W_RECORD ||
		    js_key_is(c->m[i].key, slice_str(verb->name));

		for (const char *const *a = verb->allowed; *a && !ok; a++)
			ok = js_key_is(c->m[i].key, slice_str(*a));
		if (!ok)
			return fail(c, "unknown member");
	}
	begin_answer(b, "done", c->v[W_ID]);
	c->why = verb->run(c->server, c->source, c->m, c->n, b);
	if (c->why)
		return -1;
	end_answer(c->source, b);
	return 0;
}

/* What the line says, apart from answers. */
static int64_t
run(struct command *c)
{
	const struct verb *verb;
	int verbs;

	if (c->v[W_EVENT].n)
		return fail(c, "an event is not a command");
	if ((verb = find_verb(c)))
		return run_verb(c, verb);
	if (c->v[W_UNKNOWN].n)
		return fail(c, "unknown member");
	verbs = !!c->v[W_JOIN].n + !!c->v[W_LEAVE].n + !!c->v[W_CLOSE].n + !!c->v[W_RELOAD].n;
	if (verbs > 1)
		return fail(c, "more than one of join, leave, close and reload");
	if (c->v[W_JOIN].n || c->v[W_LEAVE].n)
		return run_rooms(c, c->v[W_JOIN].n != 0);
	if (c->v[W_CLOSE].n)
		return run_close(c);
	if (c->v[W_RELOAD].n)
		return run_reload(c);
	/* A tag alone says that nothing is to be done about that line. */
	if (c->v[W_TAG].n && only(c, NULL, 0) && !c->v[W_RECORD].n)
		return 0;
	return run_send(c);
}

int64_t
command_run(struct server *s, struct source *source, struct slice line)
{
	static struct command c;
	struct js_error e;
	struct slice id;
	int64_t reached;

	c.server = s;
	c.source = source;
	c.why = NULL;
	memset(c.v, 0, sizeof(c.v));
	buf_clear(&s->commands->scratch);
	s->counters.commands++;
	c.n = js_object(line, c.m, REC_MEMBERS, &e);
	if (c.n < 0) {
		s->counters.bad_lines++;
		wrong(s, source, slice_of("", 0), e.why);
		return -1;
	}
	for (int i = 0; i < c.n; i++) {
		enum word w = word_of(c.m[i].key);

		if (slice_find(c.m[i].key, '\\') < c.m[i].key.n)
			w = word_of(js_key_text(c.m[i].key, &s->commands->scratch));
		if (c.v[w].n && w != W_PAYLOAD && w != W_RECORD && w != W_UNKNOWN)
			c.why = "a member stands there twice";
		c.v[w] = c.m[i].val;
	}
	id = c.v[W_ID];
	if (js_type(id) > JS_STRING) {
		id = slice_of("", 0);
		c.why = "id is an array or an object";
	}
	reached = c.why ? -1 : run(&c);
	if (reached < 0) {
		wrong(s, source, id, c.why);
		return -1;
	}
	/* Verbs and reload answer by themselves. */
	if (!c.v[W_RELOAD].n && id.n && !find_verb(&c))
		done(s, source, id, reached);
	return reached;
}

void
command_too_long(struct server *s, struct source *source)
{
	s->counters.bad_lines++;
	wrong(s, source, slice_of("", 0), "line too long");
}
