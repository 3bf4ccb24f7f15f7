#include "conn.h"

#include <stdlib.h>

#include "access.h"
#include "conn_timer.h"
#include "inbox.h"
#include "js.h"
#include "mem.h"
#include "num.h"
#include "peers.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "spell.h"
#include "table.h"

struct conns {
	struct table table;      /* by number */
	struct conn *first, *last;
	uint64_t count;          /* all, those on their way out included */
	uint64_t open;
	uint64_t number;         /* of the last one */
};

/* --- finding --- */

struct conn *
conn_first(const struct server *s)
{
	return s->conns->first;
}

uint64_t
conn_count(const struct server *s)
{
	return s->conns->open;
}

uint64_t
conn_total(const struct server *s)
{
	return s->conns->count;
}

static uint64_t
number_hash(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15u ^ number >> 7;
}

static bool
is_number(const void *item, const void *key)
{
	return ((const struct conn *)item)->number == *(const uint64_t *)key;
}

struct conn *
conn_find(const struct server *s, struct slice id)
{
	size_t prefix = strlen(s->node);
	char digits[24];
	uint64_t key;
	int64_t number;
	struct conn *c;

	if (id.n < prefix + 2 || id.n > prefix + 20 || memcmp(id.p, s->node, prefix) ||
	    id.p[prefix] != '-' || id.p[prefix + 1] < '1' || id.p[prefix + 1] > '9')
		return NULL;
	memcpy(digits, id.p + prefix + 1, id.n - prefix - 1);
	digits[id.n - prefix - 1] = '\0';
	if (num_int(digits, &number) || number <= 0)
		return NULL;
	key = (uint64_t)number;
	c = table_find(&s->conns->table, number_hash(key), is_number, &key);
	return c && c->admitted && !c->closing ? c : NULL;
}

void
conn_put_id(struct buf *b, const struct conn *c)
{
	buf_str(b, c->server->node);
	buf_byte(b, '-');
	buf_u64(b, c->number);
}

void
conn_put_who(struct buf *b, const struct conn *c)
{
	js_put_key(b, "conn");
	buf_byte(b, '"');
	conn_put_id(b, c);
	buf_byte(b, '"');
	if (c->id.user)
		js_put_member(b, "user", conn_user(c));
}

const struct spelling *
conn_spelling(const struct conn *c)
{
	return c->endpoint->spelling;
}

struct rules_identity
conn_rules_identity(const struct conn *c)
{
	return (struct rules_identity){
		.authenticated = c->id.authenticated,
		.user = conn_user(c),
		.claims = c->id.claims ? slice_str(c->id.claims) : slice_of("", 0),
	};
}

/* --- beginning and end --- */

struct conn *
conn_new(struct server *s, const struct endpoint *endpoint, struct slice remote, struct slice path)
{
	struct conns *x = s->conns;
	size_t strings = remote.n + 1 + path.n + 1;
	struct conn *c = mem_zero(1, sizeof(*c) + strings);

	c->server = s;
	c->number = ++x->number;
	c->endpoint = endpoint;
	memcpy(c->remote, remote.p, remote.n);
	c->path = c->remote + remote.n + 1;
	memcpy(c->remote + remote.n + 1, path.p, path.n);
	c->opened_us = c->seen_us = c->ping_us = server_now_us(s);
	c->prev = x->last;
	if (x->last)
		x->last->next = c;
	else
		x->first = c;
	x->last = c;
	x->count++;
	table_add(&x->table, number_hash(c->number), c);
	return c;
}

void
conn_free(struct conn *c)
{
	struct conns *x = c->server->conns;

	conn_retire(c);
	c->in_lws = 0;
	send_forget(c);
	wheel_clear(&c->timer);
	peers_left(c->server->peers, c->peer);
	table_remove(&x->table, number_hash(c->number), c);
	if (c->prev)
		c->prev->next = c->next;
	else
		x->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		x->last = c->prev;
	x->count--;
	identity_free(&c->id);
	free(c->close_reason);
	free(c);
}

void
conn_opened(struct conn *c)
{
	c->admitted = true;
	c->server->conns->open++;
	c->server->counters.opened++;
	conn_set_timer(c);
}

void
conn_retire(struct conn *c)
{
	struct server *s = c->server;

	if (c->closing)
		return;
	c->closing = true;
	c->end_us = 0;
	if (c->admitted)
		s->conns->open--;
	access_forget(c);
	inbox_forget(c);
	room_leave_all(c);
	send_unblock(c);
}

/* --- all of them --- */

void
conns_new(struct server *s)
{
	s->conns = mem_zero(1, sizeof(*s->conns));
}

void
conns_free(struct server *s)
{
	struct conns *x = s->conns;

	while (x->first)
		conn_free(x->first);
	table_free(&x->table);
	free(x);
	s->conns = NULL;
}
