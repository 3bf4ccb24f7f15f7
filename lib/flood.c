#include "flood.h"

#include <stdarg.h>
#include <stdlib.h>

#include "buf.h"
#include "mem.h"
#include "msg.h"
#include "now.h"

enum { FLOOD_MOST = 10, FLOOD_MS = 10000 };

static struct flood *floods; /* those with a last */

static void
tell_held(void)
{
	for (struct flood *f = floods; f; f = f->next) {
		if (f->held)
			msg_warn("%llu more messages like this one were not shown: %s",
			    (unsigned long long)f->held, f->last);
		free(f->last);
		*f = (struct flood){ .next = f->next };
	}
	floods = NULL;
}

static void
remember(struct flood *f, const char *text)
{
	if (!floods)
		atexit(tell_held);
	if (!f->last) {
		f->next = floods;
		floods = f;
	}
	free(f->last);
	f->last = mem_str(text);
}

void
flood_warn(struct flood *f, const char *fmt, ...)
{
	struct buf b = { 0 };
	int64_t ms = now_ms();
	va_list ap;

	if (!f->since_ms || ms - f->since_ms >= FLOOD_MS) {
		uint64_t held = f->held;

		f->since_ms = ms;
		f->said = 0;
		f->held = 0;
		if (held)
			msg_warn("%llu more messages like the next one were not shown",
			    (unsigned long long)held);
	}
	if (f->said >= FLOOD_MOST) {
		f->held++;
		return;
	}
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	msg_warn("%s", buf_cstr(&b));
	if (++f->said == FLOOD_MOST)
		remember(f, buf_cstr(&b));
	buf_free(&b);
}
