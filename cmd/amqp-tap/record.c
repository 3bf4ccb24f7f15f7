#include "record.h"

#include "amqpprops.h"
#include "amqptable.h"

bool
record_put(struct buf *b, const struct rmq_message *m, uint64_t tag, const char *queue,
    enum rec_form form)
{
	bool sound;

	/* A line may stand before this one: no comma after the brace. */
	buf_byte(b, '{');
	rec_put_now(b);
	if (tag)
		js_put_member_int(b, "tag", (int64_t)tag);
	if (queue)
		js_put_member(b, "queue", slice_str(queue));
	js_put_key(b, "exchange");
	amqptable_put_string(b, m->exchange);
	js_put_key(b, "key");
	amqptable_put_string(b, m->key);
	if (m->redelivered) {
		js_put_key(b, "redelivered");
		buf_str(b, "true");
	}
	sound = amqpprops_to_json(b, m->props) == 0;
	rec_put_payload(b, m->body, form, false);
	buf_byte(b, '}');
	return sound;
}

int64_t
record_stream_offset(const struct rmq_message *m)
{
	static const struct slice name = { "x-stream-offset", 15 };
	struct buf b = { 0 };
	struct slice offset, plain;
	int64_t v = -1;

	buf_byte(&b, '{');
	if (amqpprops_to_json(&b, m->props) == 0) {
		buf_byte(&b, '}');
		offset = js_get(js_get(buf_view(&b), S("headers")), name);
		plain = js_get(offset, S("!int64"));
		if (!js_int(plain.n ? plain : offset, &v))
			v = -1;
	}
	buf_free(&b);
	return v;
}
