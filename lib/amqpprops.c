#include "amqpprops.h"

#include "amqptable.h"
#include "bytes.h"

enum kind { TEXT, TABLE, BYTE, LONG };

static const struct {
	const char *name;
	enum kind kind;
} fields[PROP_COUNT] = {
	[PROP_CONTENT_TYPE] = { "content_type", TEXT },
	[PROP_CONTENT_ENCODING] = { "content_encoding", TEXT },
	[PROP_HEADERS] = { "headers", TABLE },
	[PROP_DELIVERY_MODE] = { "delivery_mode", BYTE },
	[PROP_PRIORITY] = { "priority", BYTE },
	[PROP_CORRELATION_ID] = { "correlation_id", TEXT },
	[PROP_REPLY_TO] = { "reply_to", TEXT },
	[PROP_EXPIRATION] = { "expiration", TEXT },
	[PROP_MESSAGE_ID] = { "message_id", TEXT },
	[PROP_TIMESTAMP] = { "timestamp", LONG },
	[PROP_TYPE] = { "type", TEXT },
	[PROP_USER_ID] = { "user_id", TEXT },
	[PROP_APP_ID] = { "app_id", TEXT },
	[PROP_CLUSTER_ID] = { "cluster_id", TEXT },
};

/* Property flags begin at the highest of 16 bits; the lowest would announce more flags,
 * of which there are none. */
static uint16_t
flag(int field)
{
	return (uint16_t)(0x8000U >> field);
}

enum amqpprops_field
amqpprops_find(struct slice name)
{
	for (int i = 0; i < PROP_COUNT; i++)
		if (i != PROP_HEADERS && slice_is(name, fields[i].name))
			return (enum amqpprops_field)i;
	return PROP_COUNT;
}

/* The value of one field in the list. */
static struct slice
take(struct bytes_reader *r, enum kind kind)
{
	switch (kind) {
	case TEXT:
		return bytes_take(r, bytes_u8(r));
	case TABLE:
		return bytes_take(r, bytes_u32(r));
	case BYTE:
		return bytes_take(r, 1);
	case LONG:
		return bytes_take(r, 8);
	}
	return (struct slice){ 0 };
}

int
amqpprops_to_json(struct buf *b, struct slice wire)
{
	struct bytes_reader r = bytes_reader(wire);
	uint16_t flags = bytes_u16(&r);
	struct slice value[PROP_COUNT];

	for (int i = 0; i < PROP_COUNT; i++)
		if (flags & flag(i))
			value[i] = take(&r, fields[i].kind);
	if (r.bad || r.left.n || flags & 3)
		return -1;
	if (flags & flag(PROP_HEADERS)) {
		js_put_key(b, "headers");
		amqptable_to_json(b, value[PROP_HEADERS]);
	}
	js_put_key(b, "properties");
	buf_byte(b, '{');
	for (int i = 0; i < PROP_COUNT; i++) {
		struct bytes_reader v;

		if (i == PROP_HEADERS || !(flags & flag(i)))
			continue;
		js_put_key(b, fields[i].name);
		v = bytes_reader(value[i]);
		if (fields[i].kind == TEXT)
			amqptable_put_string(b, value[i]);
		else
			buf_u64(b, bytes_uint(&v, (unsigned)value[i].n));
	}
	buf_byte(b, '}');
	return 0;
}

int
amqpprops_read(struct slice json, struct amqpprops *p, const char **why)
{
	struct js_walk w;
	struct slice key, val;

	if (!json.n)
		return 0;
	if (js_type(json) != JS_OBJECT) {
		*why = "properties is not an object";
		return -1;
	}
	w = js_walk(json);
	while (js_next(&w, &key, &val)) {
		enum amqpprops_field f = amqpprops_find(key);

		if (f == PROP_COUNT) {
			*why = "properties has a member that AMQP does not know";
			return -1;
		}
		p->json[f] = val;
	}
	return 0;
}

static int
put_number(struct buf *wire, struct slice json, unsigned size)
{
	uint64_t max = size == 1 ? UINT8_MAX : UINT64_MAX, v = 0;

	for (size_t i = 0; i < json.n; i++) {
		unsigned digit = (unsigned char)json.p[i] - '0';

		if (digit > 9 || v > (max - digit) / 10)
			return -1;
		v = v * 10 + digit;
	}
	bytes_put(wire, v, size);
	return 0;
}

static int
put_text(struct buf *wire, struct slice json)
{
	struct buf scratch = { 0 };
	struct slice bytes;
	int failed = amqptable_string(json, &scratch, &bytes) || amqptable_put_short(wire, bytes);

	buf_free(&scratch);
	return failed ? -1 : 0;
}

static int
put(struct buf *wire, int f, struct slice json, const char **why)
{
	switch (fields[f].kind) {
	case TEXT:
		*why = "a property is not a string of 255 bytes at most";
		return put_text(wire, json);
	case BYTE:
		*why = "delivery_mode or priority is not a number from 0 to 255";
		return put_number(wire, json, 1);
	case LONG:
		*why = "the timestamp is not a number of seconds";
		return put_number(wire, json, 8);
	case TABLE:
		break;
	}
	return -1;
}

int
amqpprops_check(enum amqpprops_field f, struct slice json, const char **why)
{
	struct buf b = { 0 };
	int failed = put(&b, (int)f, json, why);

	buf_free(&b);
	return failed;
}

int
amqpprops_to_wire(struct buf *wire, const struct amqpprops *p, struct slice more,
    const char **why)
{
	size_t at = wire->n;
	uint16_t flags = 0;

	bytes_put_u16(wire, 0);
	for (int i = 0; i < PROP_COUNT; i++) {
		int failed;

		if (i == PROP_HEADERS ? !p->json[i].n && !more.n : !p->json[i].n)
			continue;
		flags |= flag(i);
		failed = i == PROP_HEADERS ? amqptable_merge(wire, p->json[i], more, why)
			: put(wire, i, p->json[i], why);
		if (failed) {
			wire->n = at;
			return -1;
		}
	}
	wire->p[at] = (char)(flags >> 8);
	wire->p[at + 1] = (char)flags;
	return 0;
}
