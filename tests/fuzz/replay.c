/* sources: cmd/ws-replay/source.c */
/* A recording, and how far its times may be out of order (the first byte): lines come
 * whole and in order, and the clock on which they are due never runs back. */
#include "../../cmd/ws-replay/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "js.h"
#include "fuzz.h"

/* The sum of what is due, to compare two rounds. */
static uint64_t
play(struct source *s, struct slice text, int64_t disorder)
{
	int64_t before = INT64_MIN;
	uint64_t sum = 0;

	for (;;) {
		enum source_status status = source_next(s, disorder);
		struct slice line;

		if (status == SOURCE_END)
			break;
		if (status == SOURCE_WAIT) {
			need(source_fill(s) == 0);
			continue;
		}
		line = slice_cut(&text, '\n');
		if (status == SOURCE_BAD) {
			need(s->why && *s->why);
			continue;
		}
		need(slice_eq(s->line, line) && js_valid(line, NULL) && s->back >= 0);
		if (s->stamp.n)
			need(s->stamp.p > s->line.p && s->stamp.p[-1] == '"' && s->timed);
		if (!s->timed)
			continue;
		need(s->due >= before);
		before = s->due;
		sum = sum * 31 + (uint64_t)s->due;
	}
	need(text.n == 0);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;
	struct slice text = slice_of((const char *)data + 1, size ? size - 1 : 0);
	struct source s;
	uint64_t sum;
	int64_t disorder = size ? data[0] * 100000 : 0;

	if (fd < 0) {
		fd = memfd_create("recording", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	need(ftruncate(fd, 0) == 0 && pwrite(fd, text.p, text.n, 0) == (ssize_t)text.n);
	need(source_open(&s, path, 1000) == 0);
	sum = play(&s, text, disorder);
	need(source_rewind(&s) == 0 && play(&s, text, disorder) == sum);
	source_close(&s);
	return 0;
}
