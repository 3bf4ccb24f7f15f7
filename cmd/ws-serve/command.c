#include "command_private.h"

#include <stdlib.h>

#include "conn.h"
#include "flood.h"
#include "mem.h"
#include "send.h"
#include "server.h"

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

/* A reload whose verdict somebody waits for. */
struct waiter {
	struct server *server;
	struct source *source; /* NULL: gone */
	char *id;              /* JSON value, NULL: none */
	struct waiter *next;
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

bool
command_reloads(const struct server *s, const struct source *source)
{
	for (const struct waiter *w = s->commands->waiters; w; w = w->next)
		if (w->source == source)
			return true;
	return false;
}

void
command_source_gone(struct server *s, struct source *source)
{
	send_source_gone(s, source);
	for (struct waiter *w = s->commands->waiters; w; w = w->next)
		if (w->source == source)
			w->source = NULL;
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

static enum word
word_of(struct slice key)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (key.n == words[i].name.n && memcmp(key.p, words[i].name.p, key.n) == 0)
			return words[i].word;
	return W_UNKNOWN;
}

/* --- reload --- */

static void
reloaded(void *ctx, const char *why)
{
	struct waiter *w = ctx, **p;
	struct commands *x = w->server->commands;
	struct source *source = w->source;

	for (p = &x->waiters; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	if (source) {
		struct slice id = w->id ? slice_str(w->id) : slice_of("", 0);

		if (why)
			wrong(w->server, source, id, why);
		else
			done(w->server, source, id, (int64_t)conn_count(w->server));
	}
	free(w->id);
	free(w);
	/* After which the source may be gone. */
	if (source && source->reloaded)
		source->reloaded(source, !why);
}

static int64_t
reload(struct command *c)
{
	struct commands *x = c->server->commands;
	struct waiter *w;

	if (js_type(c->v[W_RELOAD]) != JS_TRUE || !command_only(c, WORD(W_RELOAD)))
		return command_fail(c, "reload is true and stands alone");
	w = mem_zero(1, sizeof(*w));
	w->server = c->server;
	w->source = c->source;
	w->id = c->v[W_ID].n ? mem_copy(c->v[W_ID].p, c->v[W_ID].n) : NULL;
	w->next = x->waiters;
	x->waiters = w;
	server_reload(c->server, reloaded, w);
	return 0;
}

/* --- a line --- */

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
			return command_fail(c, "unknown member");
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
	const uint32_t verbs = WORD(W_JOIN) | WORD(W_LEAVE) | WORD(W_CLOSE) | WORD(W_RELOAD);
	const struct verb *verb;

	if (c->v[W_EVENT].n)
		return command_fail(c, "an event is not a command");
	if ((verb = find_verb(c)))
		return run_verb(c, verb);
	if (c->v[W_UNKNOWN].n)
		return command_fail(c, "unknown member");
	if (c->has & verbs && !command_one_of(c, verbs))
		return command_fail(c, "more than one of join, leave, close and reload");
	if (c->v[W_JOIN].n)
		return command_join(c);
	if (c->v[W_LEAVE].n)
		return command_leave(c);
	if (c->v[W_CLOSE].n)
		return command_close(c);
	if (c->v[W_RELOAD].n)
		return reload(c);
	/* A tag alone says that nothing is to be done about that line. */
	if (c->v[W_TAG].n && command_only(c, 0) && !c->v[W_RECORD].n)
		return 0;
	return command_message(c);
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
	c.has = 0;
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
		c.has |= WORD(w);
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
