#include "prelude.h"

#include <errno.h>

#include "io.h"
#include "js.h"
#include "rec.h"
#include "utf8.h"

int
prelude_load(struct prelude *p, const struct options *o)
{
	struct buf lines = { 0 };

	if (o->on_open) {
		int rc = io_read_file(o->on_open, (size_t)o->max_line, &lines);

		if (rc == 0 && !utf8_valid(buf_view(&lines))) {
			errno = EILSEQ;
			rc = -1;
		}
		if (rc) {
			buf_free(&lines);
			return -1;
		}
	}
	buf_free(&p->lines);
	p->lines = lines;
	return 0;
}

static void
push(struct outq *q, struct buf *b)
{
	outq_push(q, outmsg_new(buf_view(b), false, true));
	buf_clear(b);
}

void
prelude_put(const struct prelude *p, const struct options *o, struct slice token,
    struct outq *q)
{
	struct slice rest = buf_view(&p->lines);
	struct buf b = { 0 };

	if (token.n) {
		buf_str(&b, "{\"type\":\"auth\"");
		js_put_member(&b, "token", token);
		buf_byte(&b, '}');
		push(q, &b);
	}
	while (rest.n) {
		struct slice line = slice_cut(&rest, '\n');

		if (line.n)
			outq_push(q, outmsg_new(line, false, true));
	}
	for (int i = 0; i < o->subscribe.n; i++) {
		struct timespec now;

		buf_str(&b, "{\"type\":\"subscribe\",\"payload\":{");
		js_put_member(&b, "channel", slice_str(o->subscribe.v[i]));
		buf_str(&b, "},\"timestamp\":");
		clock_gettime(CLOCK_REALTIME, &now);
		rec_put_time(&b, now);
		buf_byte(&b, '}');
		push(q, &b);
	}
	buf_free(&b);
}

void
prelude_free(struct prelude *p)
{
	buf_free(&p->lines);
}
