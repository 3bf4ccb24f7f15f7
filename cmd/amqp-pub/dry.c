#include <stdlib.h>

#include "exit.h"
#include "filter.h"
#include "msg.h"
#include "pub.h"
#include "rec.h"

static void
put(struct buf *b, const struct message *m)
{
	buf_byte(b, '{');
	js_put_member(b, "exchange", m->exchange);
	js_put_member(b, "key", m->key);
	amqpprops_to_json(b, m->props);
	rec_put_payload(b, m->body, REC_AUTO, false);
	buf_byte(b, '}');
}

int
pub_dry_run(const struct pub_options *o)
{
	struct message m = { 0 };
	struct buf why = { 0 };
	struct filter f = { 0 };
	struct slice line;
	uint64_t bad = 0;
	enum filter_event e;

	filter_init(&f, (size_t)o->max_line, o->drain_ms);
	while ((e = filter_next(&f, &line)) != FILTER_END) {
		enum message_status s = MESSAGE_BAD;

		buf_clear(&why);
		if (e == FILTER_LINE)
			s = message_make(&o->plan, line, &m, &why);
		else if (e == FILTER_TOO_LONG)
			buf_fmt(&why, "longer than %lld bytes: skipped", (long long)o->max_line);
		else
			continue;
		if (s == MESSAGE_BAD) {
			bad++;
			msg_error("line %llu: %s", (unsigned long long)f.in.number, buf_cstr(&why));
		} else if (s == MESSAGE_OK) {
			put(&f.out.b, &m);
			out_line(&f.out);
		}
	}
	filter_finish(&f);
	line_free(&f.in);
	out_free(&f.out);
	message_free(&m);
	buf_free(&why);
	return bad ? EXIT_PARTIAL : EXIT_DONE;
}
