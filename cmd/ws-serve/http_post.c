/* http_post - the endpoints that tell the server to do something: POST /broadcast and
 * POST /commands. The body is one JSON value, or one a line; lines are carried out as
 * they come. The answer is {"delivered":N}: to how many connections, in sum. Of a body
 * of lines the wrong ones are left out: {"delivered":N,"rejected":N,"error":…} names the
 * first. When nothing was right, the status is 400. The answer waits for the verdict on a
 * reload. */
#include "http_private.h"

#include <inttypes.h>
#include <stdlib.h>

#include "command.h"
#include "js.h"
#include "mem.h"
#include "rec.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "spell.h"
#include "topic.h"

enum {
	ANSWERS_MAX = 16 << 20,  /* bytes of answers that one request can collect; more are counted */
	BROADCAST_ROOMS = 1024,
};

struct post {
	struct source source; /* of the commands; `source` comes first: see post_of */
	struct http_conn *c;
	bool lines;
	bool skipping;        /* of a line that is too long */
	bool ended;           /* the body; the answer may have to wait for a reload */
	struct buf line;      /* one that is not whole yet, or the whole body */
	struct buf answers;   /* a list's content */
	/* Carry out one value. The connections reached, or -1 with *why (static text), NULL
	 * when it is among the answers. */
	int64_t (*item)(struct post *p, struct slice value, const char **why);
	int64_t accepted;
	uint64_t rejected, answers_lost;
	int64_t delivered;
	uint64_t first_bad;   /* the number of the first line that was wrong */
	const char *first_why;
};

static struct post *
post_of(struct source *source)
{
	return (struct post *)source;
}

static void
reject(struct post *p, const char *why)
{
	if (p->rejected++ == 0) {
		p->first_bad = p->source.line;
		p->first_why = why;
	}
}

static void
carry_out(struct post *p, struct slice value)
{
	const char *why = NULL;
	int64_t n;

	p->source.line++;
	if (slice_trim(value).n == 0 && p->lines)
		return;
	if ((n = p->item(p, value, &why)) < 0) {
		reject(p, why ? why : "see answers");
		return;
	}
	p->accepted++;
	p->delivered += n;
}

static void
add_line(struct post *p, struct slice part, bool whole)
{
	size_t most = (size_t)p->c->http->config.max_body;

	if (p->skipping || p->line.n + part.n > most) {
		if (!p->skipping) {
			p->source.line++;
			reject(p, "the line is too long");
		}
		p->skipping = !whole;
		buf_clear(&p->line);
		return;
	}
	if (!whole) {
		buf_slice(&p->line, part);
	} else if (p->line.n == 0) {
		carry_out(p, part);
	} else {
		buf_slice(&p->line, part);
		carry_out(p, buf_view(&p->line));
		buf_clear(&p->line);
	}
}

/* Messages are on their way only after this; with --slow block it holds us. */
static void
flush(struct post *p)
{
	struct server *s = p->c->http->config.server;

	send_source(s, &p->source);
	send_flush(s);
	send_source(s, NULL);
}

static void
on_data(struct http_conn *c, struct slice content)
{
	struct post *p = c->data;

	if (!p->lines) {
		if (p->line.n + content.n > (size_t)c->http->config.max_body)
			http_refuse(c, 413, "the body is too large", NULL);
		else
			buf_slice(&p->line, content);
		return;
	}
	while (content.n) {
		bool whole = slice_find(content, '\n') < content.n;

		add_line(p, slice_cut(&content, '\n'), whole);
	}
	flush(p);
}

static void
reply(struct post *p)
{
	struct http_conn *c = p->c;
	struct buf b = { 0 };

	buf_fmt(&b, "{\"delivered\":%" PRId64, p->delivered);
	if (p->rejected) {
		js_put_member_int(&b, "rejected", (int64_t)p->rejected);
		js_put_member(&b, "error", slice_str(p->first_why));
		if (p->lines)
			js_put_member_int(&b, "line", (int64_t)p->first_bad);
	}
	if (p->answers.n)
		buf_fmt(&b, ",\"answers\":[%.*s]", (int)p->answers.n, p->answers.p);
	if (p->answers_lost)
		js_put_member_int(&b, "answers_lost", (int64_t)p->answers_lost);
	buf_str(&b, "}\n");
	http_reply(c, p->rejected && !p->accepted ? 400 : 200, "application/json", buf_view(&b), NULL);
	buf_free(&b);
}

static void
on_end(struct http_conn *c)
{
	struct post *p = c->data;

	if (p->line.n || !p->lines)
		carry_out(p, buf_view(&p->line));
	flush(p);
	p->ended = true;
	if (!command_reloads(c->http->config.server, &p->source))
		reply(p);
}

/* A reload counts as a command that was carried out until it is known to have failed. */
static void
on_reloaded(struct source *source, bool ok)
{
	struct post *p = post_of(source);

	if (!ok) {
		p->accepted--;
		reject(p, "see answers");
	}
	if (p->ended && !command_reloads(p->c->http->config.server, source)) {
		reply(p);
		http_conn_start(p->c);
	}
}

static void
on_gone(struct http_conn *c)
{
	struct post *p = c->data;
	struct server *s = c->http->config.server;

	command_source_gone(s, &p->source);
	send_source_gone(s, &p->source);
	buf_free(&p->line);
	buf_free(&p->answers);
	free(p);
}

static const struct http_sink sink = { on_data, on_end, on_gone };

/* --- commands --- */

static void
on_answer(struct source *source, struct slice line)
{
	struct post *p = post_of(source);

	if (p->answers.n + line.n > ANSWERS_MAX) {
		p->answers_lost++;
		return;
	}
	if (p->answers.n)
		buf_byte(&p->answers, ',');
	buf_slice(&p->answers, slice_trim(line));
}

static void
on_hold(struct source *source, bool on)
{
	http_hold(post_of(source)->c, on);
}

static int64_t
run_command(struct post *p, struct slice value, const char **why)
{
	*why = NULL;
	return command_run(p->c->http->config.server, &p->source, value);
}

/* --- broadcast --- */

/* A body of POST /broadcast. */
struct broadcast {
	struct js_member m[REC_MEMBERS];
	int n;
	struct slice rooms[BROADCAST_ROOMS];
	uint32_t room_count;
	struct buf scratch;
};

static const char *
add_room(struct broadcast *x, struct slice val)
{
	if (js_type(val) != JS_STRING)
		return "a room is named by a string";
	if (x->room_count == BROADCAST_ROOMS)
		return "too many rooms";
	x->rooms[x->room_count] = js_text(val, &x->scratch);
	return topic_name_error(x->rooms[x->room_count++]);
}

/* Find the rooms, none of which means all connections. */
static const char *
find_rooms(struct broadcast *x)
{
	static const char *const names[] = { "channel", "channels", "topic", "room" };
	struct slice found = { 0 }, key, val;
	const char *why = NULL;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		val = js_pick(x->m, x->n, slice_str(names[i]));
		if (val.n && found.n)
			return "more than one of channel, channels, topic and room";
		if (val.n)
			found = val;
	}
	/* Services often send null for "all". */
	if (found.n == 0 || js_type(found) == JS_NULL)
		return NULL;
	if (js_type(found) != JS_ARRAY)
		return add_room(x, found);
	for (struct js_walk w = js_walk(found); !why && js_next(&w, &key, &val);)
		why = add_room(x, val);
	return why ? why : x->room_count ? NULL : "no room is named";
}

/* The message as an endpoint of this spelling says it: type, room, content, time. */
static void
spell(struct buf *b, const struct spelling *spelling, const struct broadcast *x)
{
	struct js_member alias = { S("payload"), js_pick(x->m, x->n, S("data")) };
	struct slice type = js_pick(x->m, x->n, S("type"));
	const char *skip = NULL;
	char stamp[25];

	buf_byte(b, '{');
	js_put_member_raw(b, "type", type);
	/* A spelling that puts the room into the content says so by `skip`. */
	if (x->room_count == 1)
		spelling->relay(b, x->rooms[0], &alias, alias.val.n ? 1 : 0, &skip);
	if (!skip && alias.val.n)
		js_put_member_raw(b, spelling->content, alias.val);
	for (int i = 0; i < x->n; i++) {
		if (js_key_is(x->m[i].key, S("type")) || js_key_is(x->m[i].key, S("data"))
		    || js_key_is(x->m[i].key, S("timestamp")) || spell_names_rooms(x->m[i].key)
		    || (skip && js_key_is(x->m[i].key, slice_str(skip))))
			continue;
		buf_str(b, ",\"");
		buf_slice(b, x->m[i].key);
		buf_str(b, "\":");
		js_put_flat(b, x->m[i].val);
	}
	if (js_pick(x->m, x->n, S("timestamp")).n) {
		js_put_member_raw(b, "timestamp", js_pick(x->m, x->n, S("timestamp")));
	} else {
		server_timestamp(stamp);
		js_put_member(b, "timestamp", slice_str(stamp));
	}
	buf_byte(b, '}');
}

/* Once for each spelling that is spoken here. */
static int64_t
send_spelled(struct server *s, const struct broadcast *x)
{
	struct buf body = { 0 };
	int64_t reached = 0;
	bool single = true;

	for (int i = 1; i < s->endpoint_count; i++)
		single = single && s->endpoints[i].spelling == s->endpoints[0].spelling;
	for (int i = 0; i < s->endpoint_count; i++) {
		const struct spelling *spelling = s->endpoints[i].spelling;
		int k = 0;

		while (s->endpoints[k].spelling != spelling)
			k++;
		if (k < i)
			continue;
		buf_clear(&body);
		spell(&body, spelling, x);
		reached += command_send(s, x->rooms, x->room_count, single ? NULL : spelling,
		    buf_view(&body), false);
	}
	buf_free(&body);
	return reached;
}

/* Readers would not agree on which of the two counts, neither here nor at the clients. */
static bool
any_twice(struct broadcast *x)
{
	for (int i = 1; i < x->n; i++) {
		struct slice name = js_key_text(x->m[i].key, &x->scratch);

		if (js_pick(x->m, i, name).n)
			return true;
	}
	return false;
}

static int64_t
run_broadcast(struct post *p, struct slice value, const char **why)
{
	struct broadcast *x = mem_zero(1, sizeof *x);
	struct js_error e = { 0, "not an object" };
	int64_t n = -1;

	/* So that names do not move while they are decoded. */
	buf_reserve(&x->scratch, value.n);
	x->n = js_object(value, x->m, REC_MEMBERS, &e);
	if (x->n < 0)
		*why = e.why;
	else if (any_twice(x))
		*why = "a member stands there twice";
	else if (js_type(js_pick(x->m, x->n, S("type"))) != JS_STRING)
		*why = "type must be a string";
	else if (!(*why = find_rooms(x)))
		n = send_spelled(p->c->http->config.server, x);
	buf_free(&x->scratch);
	free(x);
	return n;
}

static void
start(struct http_conn *c, bool lines, const char *name,
    int64_t (*item)(struct post *p, struct slice value, const char **why))
{
	struct post *p = mem_zero(1, sizeof *p);

	p->source = (struct source){ .name = name, .answer = on_answer, .errors = true,
	    .reloaded = on_reloaded, .hold = on_hold };
	p->c = c;
	p->lines = lines;
	/* Lines may come as they happen, which is not often perhaps. */
	c->leisurely = lines;
	p->item = item;
	http_receive(c, &sink, p);
}

void
http_broadcast(struct http_conn *c, bool lines)
{
	start(c, lines, "POST /broadcast", run_broadcast);
}

void
http_commands(struct http_conn *c, bool lines)
{
	start(c, lines, "POST /commands", run_command);
}
