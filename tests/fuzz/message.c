/* sources: cmd/amqp-pub/message.c cmd/amqp-tap/record.c */
/* What amqp-tap writes amqp-pub sends again unchanged; and any line is a message, or is
 * refused with a reason. A letter of options, then: for a capital one a line; otherwise
 * exchange, key and body, a line each but for the body's length in a byte before it, and
 * properties as on the wire. */
#include "../../cmd/amqp-pub/message.h"
#include "../../cmd/amqp-tap/record.h"

#include <stdlib.h>

#include "fuzz.h"

static void
there_and_back(enum rec_form form, struct slice rest)
{
	static const struct message_plan plan = { .as_recorded = true };
	struct rmq_message in = { .exchange = slice_cut(&rest, '\n'), .key = slice_cut(&rest, '\n') };
	struct buf line = { 0 }, why = { 0 };
	struct message out = { 0 };
	size_t n = rest.n ? (unsigned char)rest.p[0] : 0;

	rest = slice_from(rest, 1);
	in.body = slice_of(rest.p, n < rest.n ? n : rest.n);
	in.props = slice_from(rest, n);
	if (in.exchange.n > 255 || in.key.n > 255)
		return;
	bool sound = record_put(&line, &in, 7, "queue", form);

	need(js_valid(buf_view(&line), NULL) && slice_find(buf_view(&line), '\n') == line.n);
	record_stream_offset(&in);
	switch (message_make(&plan, buf_view(&line), &out, &why)) {
	case MESSAGE_BARE:
		abort();
	case MESSAGE_BAD:
		/* Values for which RabbitMQ would close the channel; no broker sends them. */
		need(why.n && (slice_starts(buf_view(&why), S("delivery_mode")) ||
		    slice_starts(buf_view(&why), S("expiration"))));
		break;
	case MESSAGE_OK:
		need(out.tag == 7 && slice_eq(out.exchange, in.exchange) && slice_eq(out.key, in.key));
		need(!sound || slice_eq(out.props, in.props));
		/* JSON has lost the white space around it, and line ends within. */
		if (!js_valid(in.body, NULL) || form != REC_AUTO)
			need(slice_eq(out.body, in.body));
		else
			need(out.body.n == slice_trim(in.body).n);
	}
	message_free(&out);
	buf_free(&line);
	buf_free(&why);
}

static void
any_line(unsigned options, struct slice line)
{
	static struct template *key;
	struct message_plan plan = { .exchange = "out", .as_recorded = options & 1, .raw = options & 2,
		.body = options & 4 ? BODY_RECORD : BODY_DATA, .queue = options & 8 ? "q" : NULL };
	struct buf why = { 0 };
	struct message m = { 0 };
	const char *reason;

	if (!key)
		key = template_parse("client.{event}.{room|none}", &reason);
	if (!plan.as_recorded)
		plan.key = key;
	if (options & 16)
		plan.headers = S("{\"x\":1}");
	if (message_make(&plan, line, &m, &why) == MESSAGE_OK) {
		struct buf json = { 0 };

		need(m.exchange.n <= 255 && m.key.n <= 255);
		buf_byte(&json, '{');
		need(amqpprops_to_json(&json, m.props) == 0);
		buf_byte(&json, '}');
		need(js_valid(buf_view(&json), NULL));
		buf_free(&json);
	}
	message_free(&m);
	buf_free(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size);

	if (!size)
		return 0;
	rest = slice_from(rest, 1);
	if (data[0] & 32)
		there_and_back((enum rec_form)(data[0] % 3), rest);
	else
		any_line(data[0], rest);
	return 0;
}
