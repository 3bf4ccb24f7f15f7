#include "message.h"

#include "amqptable.h"
#include "rec.h"

static enum message_status
bad(struct buf *why, const char *text)
{
	buf_str(why, text);
	return MESSAGE_BAD;
}

/* Append a name of the record, "exchange" or "key". */
static int
put_recorded(const struct js_member *members, int n, struct slice name, struct message *m,
    struct buf *why)
{
	struct slice val = js_pick(members, n, name), bytes;

	if (val.n && amqptable_string(val, &m->scratch, &bytes) == 0 && bytes.n <= 255) {
		buf_slice(&m->text, bytes);
		return 0;
	}
	buf_fmt(why, "the record has no %s%.*s", val.n ? "usable " : "", (int)name.n, name.p);
	return -1;
}

static int
put_template(const struct template *t, const struct js_member *members, int n,
    struct message *m, struct buf *why)
{
	const char *reason = "";
	struct slice where = { 0 };

	if (template_fill(t, members, n, &m->text, &reason, &where) == 0)
		return 0;
	buf_str(why, reason);
	if (where.n)
		buf_fmt(why, ": {%.*s}", (int)where.n, where.p);
	return -1;
}

/* Exchange and key, behind each other in m->text. */
static int
address(const struct message_plan *p, const struct js_member *members, int n,
    struct message *m, struct buf *why)
{
	size_t exchange_n;
	int failed = 0;

	buf_clear(&m->text);
	if (p->exchange)
		buf_str(&m->text, p->exchange);
	else if (p->as_recorded && !p->queue)
		failed = put_recorded(members, n, S("exchange"), m, why);
	exchange_n = m->text.n;
	if (failed)
		return -1;
	if (p->queue)
		buf_str(&m->text, p->queue);
	else if (p->key)
		failed = put_template(p->key, members, n, m, why);
	else if (p->as_recorded)
		failed = put_recorded(members, n, S("key"), m, why);
	m->exchange = slice_of(buf_cstr(&m->text), exchange_n);
	m->key = slice_of(m->text.p + exchange_n, m->text.n - exchange_n);
	return failed;
}

/* RabbitMQ closes the channel for such values and does not tell which message had them:
 * what one line says must not end the program. NULL when all is well. */
static const char *
unacceptable(const struct amqpprops *props)
{
	struct slice mode = props->json[PROP_DELIVERY_MODE], expiry = props->json[PROP_EXPIRATION];
	struct slice digits = { 0 };
	int64_t ms;

	if (mode.n && !slice_is(mode, "1") && !slice_is(mode, "2"))
		return "delivery_mode is neither 1 nor 2";
	if (js_type(expiry) != JS_STRING)
		return NULL;
	digits = slice_of(expiry.p + 1, expiry.n - 2);
	if (slice_trim(digits).n != digits.n || !js_int(digits, &ms) || ms < 0 || ms > UINT32_MAX)
		return "expiration is not a number of milliseconds from 0 to 4294967295";
	return NULL;
}

/* A record that has "properties", as amqp-tap writes them, is sent with these and no
 * others but the given defaults. What comes from elsewhere survives a broker's restart. */
static int
properties(const struct message_plan *p, const struct js_member *members, int n, bool json,
    struct message *m, struct buf *why)
{
	struct amqpprops props = { 0 };
	struct slice given = { 0 };
	const char *reason = "";

	if (p->body == BODY_DATA && !p->raw) {
		given = js_pick(members, n, S("properties"));
		props.json[PROP_HEADERS] = js_pick(members, n, S("headers"));
		if (amqpprops_read(given, &props, &reason))
			goto failed;
	}
	for (int i = 0; i < PROP_COUNT; i++)
		if (!props.json[i].n)
			props.json[i] = p->defaults.json[i];
	if (!given.n && !props.json[PROP_DELIVERY_MODE].n)
		props.json[PROP_DELIVERY_MODE] = S("2");
	if (!given.n && json && !props.json[PROP_CONTENT_TYPE].n)
		props.json[PROP_CONTENT_TYPE] = S("\"application/json\"");
	if ((reason = unacceptable(&props)))
		goto failed;
	buf_clear(&m->wire);
	if (amqpprops_to_wire(&m->wire, &props, p->headers, &reason))
		goto failed;
	m->props = buf_view(&m->wire);
	return 0;
failed:
	buf_str(why, reason);
	return -1;
}

static bool
is_bare(const struct js_member *members, int n)
{
	for (int i = 0; i < n; i++)
		if (!js_key_is(members[i].key, S("tag")) && !js_key_is(members[i].key, S("time")))
			return false;
	return true;
}

enum message_status
message_make(const struct message_plan *p, struct slice line, struct message *m,
    struct buf *why)
{
	struct js_member members[REC_MEMBERS];
	struct rec_payload payload = { 0 };
	const char *reason = "";
	struct js_error e;
	int64_t tag;
	int n = 0;

	m->tag = 0;
	buf_clear(&m->scratch);
	if (p->raw) {
		m->body = line;
		if (address(p, NULL, 0, m, why) || properties(p, NULL, 0, false, m, why))
			return MESSAGE_BAD;
		return MESSAGE_OK;
	}
	n = js_object(line, members, REC_MEMBERS, &e);
	if (n < 0) {
		buf_fmt(why, "%s at byte %zu", e.why, e.at + 1);
		line = slice_trim(line);
		if (line.n && line.p[0] != '{')
			buf_str(why, " (plain lines need --raw)");
		return MESSAGE_BAD;
	}
	if (js_int(js_pick(members, n, S("tag")), &tag) && tag > 0) {
		m->tag = (uint64_t)tag;
		if (is_bare(members, n))
			return MESSAGE_BARE;
	}
	if (address(p, members, n, m, why))
		return MESSAGE_BAD;
	if (p->body == BODY_RECORD) {
		m->body = slice_trim(line);
	} else {
		if (rec_payload(members, n, &m->scratch, &payload, &reason))
			return bad(why, reason);
		if (payload.kind == REC_NONE)
			return bad(why, "no data, text or base64");
		m->body = payload.bytes;
	}
	if (properties(p, members, n, p->body == BODY_RECORD || payload.kind == REC_DATA, m, why))
		return MESSAGE_BAD;
	return MESSAGE_OK;
}

void
message_free(struct message *m)
{
	buf_free(&m->text);
	buf_free(&m->scratch);
	buf_free(&m->wire);
	*m = (struct message){ 0 };
}
