#include "ask.h"

#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "js.h"
#include "msg.h"
#include "opt.h"
#include "sig.h"

#define ID "ws-ctl"
enum { PAGE = 10000 }; /* items asked for at once; the server's limit */

struct ask {
	const struct command *command;
	struct buf request;  /* whole lines, each with the id */
	bool kicks_ahead;    /* a block counts although nobody is there yet */
	int accepted;        /* servers that did not refuse */
	int64_t reached;
	struct buf missing;  /* why the last one that has not got it says so */
};

struct command {
	const char *name;
	/* Make the request of the arguments. Ends the program when they are wrong. */
	void (*make)(struct ask *a, const struct config *config, char **arg, int n);
	/* An answer that is no error. */
	void (*answer)(struct ctl *c, struct link *l, struct slice line);
	bool follows; /* until the end is asked for, all lines are shown */
};

/* --- requests --- */

static void
begin(struct ask *a)
{
	buf_byte(&a->request, '{');
	js_put_member(&a->request, "id", S(ID));
}

static void
end(struct ask *a)
{
	buf_add(&a->request, "}\n", 2);
}

/* Which of user, conn and room "user=u1" names; *value is what is behind the '='. Ends the
 * program when it is none. */
static const char *
target_of(const struct ask *a, const char *arg, struct slice *value)
{
	static const char *const names[] = { "user", "conn", "room" };
	struct slice rest = slice_str(arg), name = slice_cut(&rest, '=');

	for (int i = 0; i < 3; i++)
		if (slice_is(name, names[i]) && rest.n) {
			*value = rest;
			return names[i];
		}
	opt_fail("%s: not a target such as user=NAME: %s", a->command->name, arg);
}

static void
make_kick(struct ask *a, const struct config *config, char **arg, int n)
{
	const char *name;
	struct slice value;

	if (n != 1)
		opt_fail("kick takes one target: user=NAME, conn=ID, room=NAME or all");
	begin(a);
	js_put_member_int(&a->request, "close", config->code);
	if (strcmp(arg[0], "all") == 0) {
		js_put_member_raw(&a->request, "all", S("true"));
	} else {
		name = target_of(a, arg[0], &value);
		js_put_member(&a->request, strcmp(name, "room") == 0 ? "to" : name, value);
	}
	if (config->reason)
		js_put_member(&a->request, "reason", slice_str(config->reason));
	if (config->block)
		js_put_member(&a->request, "block", slice_str(config->block));
	if (config->spread)
		js_put_member(&a->request, "spread", slice_str(config->spread));
	end(a);
	a->kicks_ahead = config->block != NULL;
}

static void
make_reload(struct ask *a, const struct config *config, char **arg, int n)
{
	(void)config;
	if (n)
		opt_fail("reload takes no argument: %s", arg[0]);
	begin(a);
	js_put_member_raw(&a->request, "reload", S("true"));
	end(a);
}

/* What can be got, and the argument that goes with it. */
static const struct thing {
	const char *name, *member; /* NULL: no argument */
	const char *prefix;        /* how the argument begins, "user=" */
	bool needed;
} things[] = {
	{ "stats", NULL, NULL, false }, { "limits", NULL, NULL, false }, { "rooms", NULL, NULL, false },
	{ "connections", "user", "user=", false }, { "room", "room", "", true },
	{ "connection", "conn", "", true },
};

static void
make_get(struct ask *a, const struct config *config, char **arg, int n)
{
	const struct thing *t = things, *last = things + sizeof(things) / sizeof(*things);

	(void)config;
	if (!n)
		opt_fail("get takes one of stats, limits, rooms, room, connections and connection");
	while (t < last && strcmp(t->name, arg[0]) != 0)
		t++;
	if (t == last)
		opt_fail("get: not one of stats, limits, rooms, room, connections and connection: %s",
		    arg[0]);
	if (n > 2 || (n == 2 && !t->member))
		opt_fail("get %s: too many arguments: %s", t->name, arg[n - 1]);
	if (t->needed && n < 2)
		opt_fail("get %s: which one?", t->name);
	begin(a);
	js_put_member(&a->request, "get", slice_str(t->name));
	js_put_member_int(&a->request, "limit", PAGE);
	if (n == 2) {
		size_t prefix = strlen(t->prefix);

		if (strncmp(arg[1], t->prefix, prefix) != 0)
			opt_fail("get %s: not %sNAME: %s", t->name, t->prefix, arg[1]);
		js_put_member(&a->request, t->member, slice_str(arg[1] + prefix));
	}
	end(a);
}

static void
make_watch(struct ask *a, const struct config *config, char **arg, int n)
{
	(void)config;
	if (!n)
		opt_fail("watch takes targets: user=NAME, conn=ID or room=NAME");
	for (int i = 0; i < n; i++) {
		struct slice value;
		const char *name = target_of(a, arg[i], &value);

		begin(a);
		js_put_key(&a->request, "watch");
		buf_byte(&a->request, '{');
		js_put_member(&a->request, name, value);
		buf_byte(&a->request, '}');
		end(a);
	}
}

static void
make_events(struct ask *a, const struct config *config, char **arg, int n)
{
	struct slice list = n ? slice_str(arg[0]) : S("all");

	(void)config;
	if (n > 1)
		opt_fail("events takes one list: %s", arg[1]);
	begin(a);
	js_put_key(&a->request, "events");
	buf_byte(&a->request, '[');
	while (list.n) {
		js_put_string(&a->request, slice_trim(slice_cut(&list, ',')));
		if (list.n)
			buf_byte(&a->request, ',');
	}
	buf_byte(&a->request, ']');
	end(a);
}

/* --- answers --- */

/* The next page of a list, behind the item `last`. */
static void
ask_more(struct ctl *c, struct link *l, struct slice last)
{
	struct ask *a = c->ctx;
	struct buf more = { 0 };
	struct slice key = js_get(last, S("conn"));

	if (!key.n)
		key = js_get(last, S("room"));
	buf_add(&more, a->request.p, a->request.n - 2);
	js_put_member_raw(&more, "after", key);
	buf_add(&more, "}\n", 2);
	link_put(l, buf_view(&more));
	buf_free(&more);
}

/* The items of a list a line each; the members of another answer as one object, or the
 * object that is its only member. */
static void
answer_get(struct ctl *c, struct link *l, struct slice line)
{
	struct slice key, value, item, last = slice_of("", 0), only = last, none;
	struct buf rest = { 0 };
	bool more = false, list = false;
	int members = 0;

	buf_byte(&rest, '{');
	for (struct js_walk w = js_walk(line); js_next(&w, &key, &value);) {
		if (js_key_is(key, S("event")) || js_key_is(key, S("id")))
			continue;
		if (list && js_key_is(key, S("more"))) {
			more = js_type(value) == JS_TRUE;
		} else if (js_type(value) == JS_ARRAY && members == 0) {
			list = true;
			for (struct js_walk i = js_walk(value); js_next(&i, &none, &item); last = item)
				ctl_write(c, item);
		} else {
			struct buf name = { 0 };

			buf_slice(&name, key);
			js_put_member_raw(&rest, buf_cstr(&name), value);
			only = value;
			members++;
			buf_free(&name);
		}
	}
	buf_byte(&rest, '}');
	if (members == 1 && js_type(only) == JS_OBJECT)
		ctl_write(c, only);
	else if (members)
		ctl_write(c, buf_view(&rest));
	buf_free(&rest);
	if (list && more && last.n)
		ask_more(c, l, last);
	else
		l->done = true;
}

static void
answer_kick(struct ctl *c, struct link *l, struct slice line)
{
	struct ask *a = c->ctx;
	struct buf out = { 0 };
	int64_t n = 0;

	js_int(js_get(line, S("reached")), &n);
	a->reached += n;
	buf_byte(&out, '{');
	js_put_member_int(&out, "reached", n);
	buf_byte(&out, '}');
	ctl_write(c, buf_view(&out));
	buf_free(&out);
	l->done = true;
}

static void
answer_reload(struct ctl *c, struct link *l, struct slice line)
{
	(void)c;
	(void)line;
	l->done = true;
}

static void
answer_follow(struct ctl *c, struct link *l, struct slice line)
{
	(void)c;
	(void)l;
	(void)line;
}

static const struct command commands[] = {
	{ "events", make_events, answer_follow, true },
	{ "get", make_get, answer_get, false },
	{ "kick", make_kick, answer_kick, false },
	{ "reload", make_reload, answer_reload, false },
	{ "watch", make_watch, answer_follow, true },
};

/* --- the loop's operations --- */

static void
connected(struct ctl *c, struct link *l)
{
	struct ask *a = c->ctx;

	link_put(l, buf_view(&a->request));
}

static void
refused(struct ctl *c, struct link *l, struct slice why)
{
	struct ask *a = c->ctx;

	l->done = true;
	/* One of several servers has it, or none. */
	if (slice_starts(why, S("no such "))) {
		buf_clear(&a->missing);
		buf_fmt(&a->missing, "%s: %.*s", l->path, (int)why.n, why.p);
		return;
	}
	msg_error("%s: %.*s", l->path, (int)why.n, why.p);
	ctl_status(c, EXIT_USAGE);
}

static void
on_line(struct ctl *c, struct link *l, struct slice line)
{
	struct ask *a = c->ctx;
	struct buf scratch = { 0 };
	struct slice why;
	bool ours = slice_eq(ctl_id(line, &scratch), S(ID));

	if (l->done) {
		/* Said too much. */
	} else if (ctl_is_error(line, &why, &scratch)) {
		refused(c, l, why);
	} else if (ours) {
		a->accepted++;
		a->command->answer(c, l, slice_trim(line));
	} else if (a->command->follows && !(c->config->count && c->written == c->config->count)) {
		ctl_write(c, line);
	}
	buf_free(&scratch);
}

static bool
finished(struct ctl *c)
{
	if (c->config->count && c->written >= c->config->count)
		return true;
	for (int i = 0; i < c->n; i++)
		if (!c->links[i].done && !c->links[i].given_up)
			return false;
	return true;
}

static void
ending(struct ctl *c)
{
	struct ask *a = c->ctx;

	if (a->missing.n && !a->accepted) {
		msg_error("%s", buf_cstr(&a->missing));
		ctl_status(c, EXIT_NO);
	}
	if (a->command->answer == answer_kick && a->accepted && !a->reached && !a->kicks_ahead)
		ctl_status(c, EXIT_NO);
	/* Answers that were asked for did not come. */
	if (!a->command->follows && sig_stopping() && !finished(c))
		ctl_status(c, EXIT_PARTIAL);
}

static const struct command *
find(const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
	return NULL;
}

bool
ask_is_command(const char *word)
{
	return find(word) != NULL;
}

int
ask(const struct config *config, char **paths, int n, char **words, int count)
{
	static const struct ctl_ops ops = { .connected = connected, .line = on_line,
		.finished = finished, .ending = ending };
	struct ask a = { .command = find(words[0]) };
	struct ctl c = { 0 };

	a.command->make(&a, config, words + 1, count - 1);
	ctl_run(&c, config, paths, n, &ops, &a);
	buf_free(&a.request);
	buf_free(&a.missing);
	return c.status;
}
