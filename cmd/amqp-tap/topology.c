#include "topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqptable.h"
#include "mem.h"
#include "num.h"
#include "rec.h"

/* --- options --- */

const char *
topology_exchange(struct topology *t, const char *name)
{
	if (!*name)
		return "the default exchange cannot be tapped: it has no bindings of ours; use -q";
	if (strlen(name) > 255)
		return "longer than 255 bytes";
	t->sources = mem_resize(t->sources, t->n + 1, sizeof(*t->sources));
	t->sources[t->n++] = (struct source){ .exchange = name };
	return NULL;
}

const char *
topology_key(struct topology *t, const char *key)
{
	if (!t->n)
		return "no -e before it";
	if (strlen(key) > 255)
		return "longer than 255 bytes";
	return opt_append(&(struct opt){ .var = &t->sources[t->n - 1].keys }, key);
}

/* NAME=VALUE into an object that lacks its end. */
static const char *
add_pair(struct buf *b, const char *text)
{
	struct buf json = { 0 };
	struct slice name;
	const char *why = amqptable_pair(text, &name, &json);

	if (!why) {
		buf_byte(b, b->n ? ',' : '{');
		js_put_string(b, name);
		buf_byte(b, ':');
		buf_slice(b, buf_view(&json));
	}
	buf_free(&json);
	return why;
}

const char *
topology_match(struct topology *t, const char *header)
{
	return t->n ? add_pair(&t->sources[t->n - 1].match, header) : "no -e before it";
}

const char *
topology_argument(struct topology *t, const char *argument)
{
	return add_pair(&t->arguments, argument);
}

const char *
topology_declare(struct topology *t, const char *type)
{
	struct slice rest = slice_str(type), name = slice_cut(&rest, ':');
	struct source *s;

	if (!t->n)
		return "no -e before it";
	if (!name.n || (rest.n && !slice_is(rest, "durable")) || (!rest.n && strchr(type, ':')))
		return "not TYPE or TYPE:durable";
	s = &t->sources[t->n - 1];
	s->declare = mem_copy(name.p, name.n);
	s->declare_durable = rest.n > 0;
	return NULL;
}

const char *
topology_check(const struct topology *t)
{
	int64_t n;
	struct timespec when;

	if (!t->n && !t->queue)
		return "nothing to listen to: give -e EXCHANGE, -q QUEUE or --firehose";
	if (t->queue && (!*t->queue || strlen(t->queue) > 255))
		return "--queue: not a name of 1 to 255 bytes";
	if (!t->queue && (t->declare || t->durable))
		return "--declare and --durable need -q";
	if (t->queue && !t->n && !t->declare && (t->durable || t->arguments.n))
		return "--durable and --queue-arg need --declare or -e: the queue is there as it is";
	if (t->offset && !t->queue)
		return "--offset needs -q, a stream";
	if (t->offset && t->no_ack)
		return "--offset needs acknowledgements: a stream is read with them only";
	if (t->offset && strcmp(t->offset, "first") && strcmp(t->offset, "last")
		&& strcmp(t->offset, "next") && (num_int(t->offset, &n) || n < 0)
		&& rec_time(slice_str(t->offset), &when))
		return "--offset: not first, last, next, a number or a time";
	return NULL;
}

/* --- on a connection --- */

static amqp_bytes_t
text(const char *s)
{
	return rmq_bytes(slice_str(s));
}

/* The table of an object that lacks its end; an error is the caller's mistake. */
static enum rmq_status
arguments(struct rmq *r, const struct buf *open, amqp_table_t *table)
{
	struct buf json = { 0 };
	const char *why = "";
	int failed;

	*table = (amqp_table_t){ 0 };
	if (!open->n)
		return RMQ_OK;
	buf_slice(&json, buf_view(open));
	buf_byte(&json, '}');
	failed = rmq_table(r, buf_view(&json), table, &why);
	buf_free(&json);
	if (!failed)
		return RMQ_OK;
	buf_clear(&r->why);
	buf_fmt(&r->why, "the arguments cannot be sent: %s", why);
	buf_cstr(&r->why);
	return r->status = RMQ_FINAL;
}

static enum rmq_status
declare_exchange(struct rmq *r, const struct source *s)
{
	amqp_exchange_declare_t d = { .exchange = text(s->exchange), .passive = !s->declare,
		.type = text(s->declare ? s->declare : ""), .durable = s->declare_durable };

	return rmq_call(r, AMQP_EXCHANGE_DECLARE_METHOD, &d, AMQP_EXCHANGE_DECLARE_OK_METHOD);
}

/* The protocol does not tell an exchange's type; but the broker names it when it refuses
 * to declare the exchange, which exists, with another type. */
static enum rmq_status
exchange_type(struct rmq *r, const struct source *s, char *type, size_t size)
{
	static const char marker[] = "'type'", current[] = "current is '";
	amqp_exchange_declare_t d = { .exchange = text(s->exchange), .type = text("topic"),
		.auto_delete = 1, .internal = 1 };
	const char *p;

	if (s->declare || slice_starts(slice_str(s->exchange), S("amq."))) {
		const char *known = s->declare ? s->declare : s->exchange + 4;

		if (strcmp(known, "rabbitmq.trace") == 0 || strcmp(known, "rabbitmq.log") == 0)
			known = "topic";
		snprintf(type, size, "%s", known);
		return RMQ_OK;
	}
	snprintf(type, size, "topic");
	if (rmq_call(r, AMQP_EXCHANGE_DECLARE_METHOD, &d, AMQP_EXCHANGE_DECLARE_OK_METHOD) == RMQ_OK)
		return RMQ_OK;
	if (r->code != AMQP_PRECONDITION_FAILED) {
		if (r->code == AMQP_ACCESS_REFUSED)
			*type = '\0';
		else
			return r->status;
	} else if (strstr(r->why.p, marker) && (p = strstr(r->why.p, current))) {
		p += strlen(current);
		snprintf(type, size, "%.*s", (int)strcspn(p, "'"), p);
	}
	return rmq_reopen(r);
}

static enum rmq_status
bind_key(struct rmq *r, struct topology *t, const struct source *s, const char *key)
{
	amqp_queue_bind_t b = { .queue = text(t->name), .exchange = text(s->exchange),
		.routing_key = text(key) };

	if (arguments(r, &s->match, &b.arguments) != RMQ_OK)
		return r->status;
	return rmq_call(r, AMQP_QUEUE_BIND_METHOD, &b, AMQP_QUEUE_BIND_OK_METHOD);
}

static enum rmq_status
bind_source(struct rmq *r, struct topology *t, const struct source *s)
{
	char type[64];

	for (int i = 0; i < s->keys.n; i++)
		if (bind_key(r, t, s, s->keys.v[i]) != RMQ_OK)
			return r->status;
	if (s->keys.n)
		return RMQ_OK;
	if (s->match.n)
		return bind_key(r, t, s, "");
	if (exchange_type(r, s, type, sizeof(type)) != RMQ_OK)
		return r->status;
	if (strcmp(type, "topic") == 0)
		return bind_key(r, t, s, "#");
	if (strcmp(type, "fanout") == 0)
		return bind_key(r, t, s, "");
	buf_clear(&r->why);
	if (!*type)
		buf_fmt(&r->why, "the type of exchange %s is not known: give -r KEY", s->exchange);
	else
		buf_fmt(&r->why, "exchange %s is a %s exchange: give %s", s->exchange, type,
		    strcmp(type, "headers") == 0 ? "--match-header" : "-r KEY");
	buf_cstr(&r->why);
	r->code = 0;
	return r->status = RMQ_FINAL;
}

static enum rmq_status
declare_queue(struct rmq *r, struct topology *t)
{
	amqp_queue_declare_t d = { .queue = text(t->queue ? t->queue : ""), .durable = t->durable,
		.exclusive = !t->queue, .auto_delete = !t->queue,
		.passive = t->queue && !t->n && !t->declare };
	amqp_queue_declare_ok_t *ok;
	struct buf args = { 0 };
	enum rmq_status s;

	buf_slice(&args, buf_view(&t->arguments));
	if (!t->queue && t->tap_limit) {
		if (!args.n)
			buf_byte(&args, '{');
		js_put_member_int(&args, "x-max-length-bytes", t->tap_limit);
	}
	s = arguments(r, &args, &d.arguments);
	if (s == RMQ_OK)
		s = rmq_call(r, AMQP_QUEUE_DECLARE_METHOD, &d, AMQP_QUEUE_DECLARE_OK_METHOD);
	buf_free(&args);
	if (s != RMQ_OK)
		return s;
	ok = r->reply.decoded;
	snprintf(t->name, sizeof(t->name), "%.*s", (int)ok->queue.len, (char *)ok->queue.bytes);
	return s;
}

/* Where to begin in a stream: as given, or behind what was seen. */
static void
put_offset(struct buf *args, const struct topology *t)
{
	struct timespec when;
	int64_t n;

	if (!t->offset)
		return;
	buf_str(args, "{\"x-stream-offset\":");
	if (t->seen)
		buf_fmt(args, "{\"!int64\":%lld}", (long long)t->last_offset + 1);
	else if (num_int(t->offset, &n) == 0)
		buf_fmt(args, "{\"!int64\":%lld}", (long long)n);
	else if (rec_time(slice_str(t->offset), &when) == 0)
		buf_fmt(args, "{\"!timestamp\":%lld}", (long long)when.tv_sec);
	else
		js_put_string(args, slice_str(t->offset));
}

static enum rmq_status
consume(struct rmq *r, struct topology *t)
{
	amqp_basic_qos_t qos = { .prefetch_count = (uint16_t)t->prefetch };
	amqp_basic_consume_t c = { .queue = text(t->name), .no_ack = t->no_ack };
	struct buf args = { 0 };
	enum rmq_status s;

	if (!t->no_ack && rmq_call(r, AMQP_BASIC_QOS_METHOD, &qos, AMQP_BASIC_QOS_OK_METHOD) != RMQ_OK)
		return r->status;
	put_offset(&args, t);
	s = arguments(r, &args, &c.arguments);
	buf_free(&args);
	if (s != RMQ_OK)
		return s;
	return rmq_call(r, AMQP_BASIC_CONSUME_METHOD, &c, AMQP_BASIC_CONSUME_OK_METHOD);
}

enum rmq_status
topology_set_up(struct topology *t, struct rmq *r)
{
	for (size_t i = 0; i < t->n; i++)
		if (declare_exchange(r, &t->sources[i]) != RMQ_OK)
			return r->status;
	if (declare_queue(r, t) != RMQ_OK)
		return r->status;
	for (size_t i = 0; i < t->n; i++)
		if (bind_source(r, t, &t->sources[i]) != RMQ_OK)
			return r->status;
	return consume(r, t);
}

void
topology_free(struct topology *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->sources[i].keys.v);
		free(t->sources[i].declare);
		buf_free(&t->sources[i].match);
	}
	free(t->sources);
	buf_free(&t->arguments);
	*t = (struct topology){ 0 };
}
