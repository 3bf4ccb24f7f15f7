#include "room.h"

#include <stdlib.h>

#include "conn.h"
#include "hash.h"
#include "js.h"
#include "mem.h"
#include "send.h"
#include "server.h"
#include "table.h"
#include "topic.h"

struct rooms {
	struct table tables[3]; /* by kind; there is only one ROOM_ALL */
	struct room *all, *first;
	struct topic_index *index; /* patterns; the values are their rooms */
	uint32_t age;              /* of the set of patterns, counted */
	struct room **found;       /* the last look-up of a name without a room */
	uint32_t found_n, found_cap;
};

static struct room *
room_new(enum room_kind kind, struct slice name)
{
	struct room *r = mem_zero(1, sizeof(*r) + name.n);

	r->members = &r->only;
	r->cap = 1;
	r->kind = kind;
	r->name_n = (uint16_t)name.n;
	memcpy(r->name, name.p, name.n);
	return r;
}

static void
room_free(struct room *r)
{
	if (r->kind == ROOM_PATTERN)
		topic_free(r->topic);
	free(r->patterns);
	if (r->members != &r->only)
		free(r->members);
	free(r);
}

void
rooms_new(struct server *s)
{
	s->rooms = mem_zero(1, sizeof(*s->rooms));
	s->rooms->all = room_new(ROOM_ALL, S(""));
	s->rooms->index = topic_index_new(0);
	s->rooms->age = 1;
}

void
rooms_free(struct server *s)
{
	struct rooms *x = s->rooms;

	for (int i = 0; i < 3; i++)
		table_free(&x->tables[i]);
	topic_index_free(x->index);
	room_free(x->all);
	free(x->found);
	free(x);
	s->rooms = NULL;
}

static bool
is_named(const void *item, const void *key)
{
	return slice_eq(room_name(item), *(const struct slice *)key);
}

struct room *
room_find(const struct server *s, enum room_kind kind, struct slice name)
{
	return table_find(&s->rooms->tables[kind], hash_bytes(name), is_named, &name);
}

struct room *
room_all(const struct server *s)
{
	return s->rooms->all;
}

struct room *
room_first(const struct server *s)
{
	return s->rooms->first;
}

uint64_t
room_count(const struct server *s)
{
	return s->rooms->tables[ROOM_NAMED].n;
}

uint64_t
room_user_count(const struct server *s)
{
	return s->rooms->tables[ROOM_USER].n;
}

static void
found(void *ctx, void *value)
{
	struct rooms *x = ctx;

	if (x->found_n == x->found_cap) {
		x->found_cap = x->found_cap ? x->found_cap * 2 : 8;
		x->found = mem_resize(x->found, x->found_cap, sizeof(*x->found));
	}
	x->found[x->found_n++] = value;
}

struct room **
room_patterns(struct server *s, struct room *r, struct slice name, uint32_t *n)
{
	struct rooms *x = s->rooms;

	*n = 0;
	if (!topic_index_count(x->index))
		return NULL;
	if (r && r->pattern_age == x->age) {
		*n = r->pattern_count;
		return r->patterns;
	}
	x->found_n = 0;
	topic_index_match(x->index, name, found, x);
	*n = x->found_n;
	if (!r)
		return x->found;
	r->pattern_age = x->age;
	r->pattern_count = x->found_n;
	free(r->patterns);
	r->patterns = NULL;
	if (x->found_n) {
		r->patterns = mem_alloc(x->found_n * sizeof(*r->patterns));
		memcpy(r->patterns, x->found, x->found_n * sizeof(*r->patterns));
	}
	return r->patterns;
}

/* A connection is in few rooms, a room has many members. */
static struct seat *
seat_of(const struct room *r, const struct conn *c)
{
	for (uint32_t i = 0; i < c->seat_count; i++)
		if (c->seats[i].room == r)
			return &c->seats[i];
	return NULL;
}

bool
room_has(const struct room *r, const struct conn *c)
{
	return seat_of(r, c) != NULL;
}

void
room_put_names(struct buf *b, const struct conn *c)
{
	bool first = true;

	js_put_key(b, "rooms");
	buf_byte(b, '[');
	for (uint32_t i = 0; i < c->seat_count; i++) {
		if (c->seats[i].room->kind != ROOM_NAMED)
			continue;
		if (!first)
			buf_byte(b, ',');
		first = false;
		js_put_string(b, room_name(c->seats[i].room));
	}
	buf_byte(b, ']');
}

static struct room *
make(struct server *s, enum room_kind kind, struct slice name, struct topic *topic)
{
	struct rooms *x = s->rooms;
	struct room *r = room_new(kind, name);

	table_add(&x->tables[kind], hash_bytes(name), r);
	r->made_us = server_now_us(s);
	if (kind == ROOM_NAMED) {
		r->next = x->first;
		if (x->first)
			x->first->prev = r;
		x->first = r;
	} else if (kind == ROOM_PATTERN) {
		r->topic = topic;
		topic_index_add(x->index, topic, r);
		x->age++;
	}
	return r;
}

static void
destroy(struct server *s, struct room *r)
{
	struct rooms *x = s->rooms;

	table_remove(&x->tables[r->kind], hash_bytes(room_name(r)), r);
	if (r->kind == ROOM_NAMED) {
		if (r->prev)
			r->prev->next = r->next;
		else
			x->first = r->next;
		if (r->next)
			r->next->prev = r->prev;
	} else if (r->kind == ROOM_PATTERN) {
		topic_index_remove(x->index, r->topic, r);
		x->age++;
	}
	room_free(r);
}

bool
room_join(struct conn *c, enum room_kind kind, struct slice name, struct topic *topic)
{
	struct server *s = c->server;
	struct room *r = kind == ROOM_ALL ? s->rooms->all : room_find(s, kind, name);

	if (r && seat_of(r, c)) {
		topic_free(topic);
		return false;
	}
	/* What was sent to the room before this moment is not for the newcomer. */
	if (r && r->batch)
		send_write(s);
	if (!r)
		r = make(s, kind, name, topic);
	else
		topic_free(topic);
	if (r->count == r->cap) {
		bool alone = r->members == &r->only;

		r->cap *= 2;
		r->members = mem_resize(alone ? NULL : r->members, r->cap, sizeof(*r->members));
		if (alone)
			r->members[0] = r->only;
	}
	if (c->seat_count == c->seat_cap) {
		c->seat_cap = c->seat_cap ? c->seat_cap + c->seat_cap / 2 + 1 : 4;
		c->seats = mem_resize(c->seats, c->seat_cap, sizeof(*c->seats));
	}
	c->seats[c->seat_count] = (struct seat){ r, r->count };
	r->members[r->count++] = (struct member){ c, c->seat_count++ };
	c->rooms += kind == ROOM_NAMED;
	c->patterns += kind == ROOM_PATTERN;
	return true;
}

bool
room_leave(struct conn *c, struct room *r)
{
	struct seat *seat = seat_of(r, c);
	uint32_t at, which;

	if (!seat)
		return false;
	if (r->batch)
		send_write(c->server);
	at = seat->at;
	which = (uint32_t)(seat - c->seats);
	/* The last of each list takes the place that becomes free. */
	r->members[at] = r->members[--r->count];
	if (at < r->count)
		r->members[at].conn->seats[r->members[at].seat].at = at;
	c->seats[which] = c->seats[--c->seat_count];
	if (which < c->seat_count)
		c->seats[which].room->members[c->seats[which].at].seat = which;
	c->rooms -= r->kind == ROOM_NAMED;
	c->patterns -= r->kind == ROOM_PATTERN;
	if (!r->count && r->kind != ROOM_ALL) {
		destroy(c->server, r);
	} else if (r->cap > 64 && r->count < r->cap / 4) {
		r->cap /= 2;
		r->members = mem_resize(r->members, r->cap, sizeof(*r->members));
	}
	return true;
}

void
room_leave_all(struct conn *c)
{
	while (c->seat_count)
		room_leave(c, c->seats[c->seat_count - 1].room);
	free(c->seats);
	c->seats = NULL;
	c->seat_cap = 0;
}

void
room_list_add(struct room_list *l, struct room *r)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = mem_resize(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = r;
}

void
room_list_named(struct room_list *l, struct server *s, struct slice name)
{
	struct room *r = room_find(s, ROOM_NAMED, name), **patterns;
	uint32_t n;

	patterns = room_patterns(s, r, name, &n);
	if (r)
		room_list_add(l, r);
	for (uint32_t i = 0; i < n; i++)
		room_list_add(l, patterns[i]);
}
