#include "flood.h"

#include <stdarg.h>

#include "buf.h"
#include "msg.h"
#include "now.h"

enum { FLOOD_MOST = 10, FLOOD_MS = 10000 };

void
flood_warn(struct flood *f, const char *fmt, ...)
{
	struct buf b = { 0 };
	int64_t ms = now_ms();
	va_list ap;

	if (!f->since_ms || ms - f->since_ms >= FLOOD_MS) {
		uint64_t held = f->held;

		*f = (struct flood){ .since_ms = ms };
		if (held)
			msg_warn("%llu more messages like the next one were not shown",
			    (unsigned long long)held);
	}
	if (f->said >= FLOOD_MOST) {
		f->held++;
		return;
	}
	f->said++;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	msg_warn("%s", buf_cstr(&b));
	buf_free(&b);
}
