/* Whom a command is for. */
#include "command_private.h"

#include "conn.h"
#include "mem.h"
#include "server.h"
#include "topic.h"

enum { ROOMS_MOST = 1024, EXCEPT_MOST = 1024 };

static bool
wrong(struct command *c, const char *why)
{
	c->why = why;
	return false;
}

const char *
command_room_error(struct slice name)
{
	if (!name.p)
		return "a room is not a string";
	return topic_name_error(name);
}

/* The rooms of `to`. */
static bool
named(struct command *c, struct room_list *list)
{
	struct server *s = c->server;
	struct slice name, key, value;
	int names = 0;

	switch (js_type(c->v[W_TO])) {
	case JS_STRING:
		name = command_text(c, W_TO);
		if ((c->why = command_room_error(name)))
			return false;
		room_list_named(list, s, name);
		return true;
	case JS_ARRAY:
		for (struct js_walk w = js_walk(c->v[W_TO]); js_next(&w, &key, &value);) {
			name = js_text(value, &s->commands->scratch);
			if ((c->why = command_room_error(name)))
				return false;
			if (names++ == ROOMS_MOST)
				return wrong(c, "to has more than 1024 rooms");
			room_list_named(list, s, name);
		}
		return true;
	default:
		return wrong(c, "to is neither a room nor a list of rooms");
	}
}

static bool
included(struct command *c, struct target *t)
{
	struct server *s = c->server;
	struct room_list *list = &s->commands->rooms;
	struct slice name;
	struct room *r;

	t->conn = NULL;
	t->rooms = list;
	list->n = 0;
	if (!command_one_of(c, WORDS_TARGET))
		return wrong(c, c->has & WORDS_TARGET ? "more than one of to, all, conn and user"
			: "none of to, all, conn and user");
	if (c->v[W_TO].n)
		return named(c, list);
	if (c->v[W_ALL].n) {
		if (js_type(c->v[W_ALL]) != JS_TRUE)
			return wrong(c, "all is not true");
		room_list_add(list, room_all(s));
		return true;
	}
	name = command_text(c, c->v[W_CONN].n ? W_CONN : W_USER);
	if (!name.p)
		return wrong(c, c->v[W_CONN].n ? "conn is not a string" : "user is not a string");
	if (c->v[W_CONN].n)
		t->conn = conn_find(s, name);
	else if ((r = room_find(s, ROOM_USER, name)))
		room_list_add(list, r);
	return true;
}

static bool
excepted(struct command *c, struct target *t)
{
	static struct conn *list[EXCEPT_MOST];
	struct slice value = c->v[W_EXCEPT], key, item;
	uint32_t n = 0;

	t->except = list;
	t->excepts = 0;
	if (!value.n)
		return true;
	if (js_type(value) == JS_STRING) {
		list[0] = conn_find(c->server, command_text(c, W_EXCEPT));
		t->excepts = list[0] ? 1 : 0;
		return true;
	}
	if (js_type(value) != JS_ARRAY)
		return wrong(c, "except is neither a connection nor a list of them");
	for (struct js_walk w = js_walk(value); js_next(&w, &key, &item);) {
		if (js_type(item) != JS_STRING)
			return wrong(c, "except holds something that is no string");
		if (n == EXCEPT_MOST)
			return wrong(c, "except has more than 1024 connections");
		list[n] = conn_find(c->server, js_text(item, &c->server->commands->scratch));
		if (list[n])
			n++;
	}
	t->excepts = n;
	return true;
}

bool
command_target(struct command *c, struct target *t)
{
	return included(c, t) && excepted(c, t);
}

bool
target_excepts(const struct target *t, const struct conn *conn)
{
	for (uint32_t i = 0; i < t->excepts; i++)
		if (t->except[i] == conn)
			return true;
	return false;
}

int64_t
command_connections(struct command *c, struct conn ***list)
{
	struct target t;
	struct conn **all;
	int64_t count = 0;
	size_t most = 1;

	*list = NULL;
	if (!command_target(c, &t))
		return -1;
	for (uint32_t i = 0; i < t.rooms->n; i++)
		most += t.rooms->v[i]->count;
	all = *list = mem_alloc(most * sizeof(*all));
	if (t.conn && !target_excepts(&t, t.conn))
		all[count++] = t.conn;
	for (uint32_t i = 0; i < t.rooms->n; i++)
		for (uint32_t k = 0; k < t.rooms->v[i]->count; k++) {
			struct conn *member = t.rooms->v[i]->members[k].conn;
			bool seen = target_excepts(&t, member);

			/* In an earlier room of the list already. */
			for (uint32_t e = 0; e < i && !seen; e++)
				seen = room_has(t.rooms->v[e], member);
			if (!seen)
				all[count++] = member;
		}
	return count;
}
