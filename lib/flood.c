#include "flood.h"

#include <stdarg.h>
#include <time.h>

#include "buf.h"
#include "msg.h"

enum { FLOOD_MOST = 10, FLOOD_MS = 10000 };

void
flood_warn(struct flood *f, const char *fmt, ...)
{
	struct timespec now;
	struct buf b = { 0 };
	int64_t ms;
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
