/* A limit, a size of reads and text: the lines are those that splitting the whole text
 * gives, however it arrives. */
#include "line.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct line_reader r;
	struct slice rest, line;
	uint64_t number = 0;

	if (size < 2)
		return 0;
	if (fd < 0)
		fd = memfd_create("line", MFD_CLOEXEC);
	rest = slice_of((const char *)data + 2, size - 2);
	need(ftruncate(fd, 0) == 0 && pwrite(fd, rest.p, rest.n, 0) == (ssize_t)rest.n);
	need(lseek(fd, 0, SEEK_SET) == 0);
	line_init(&r, fd, data[0]);
	r.chunk = data[1] + 1u;
	for (;;) {
		enum line_status status = line_take(&r, &line);
		struct slice want;

		if (status == LINE_MORE) {
			need(line_fill(&r) >= 0 && r.cap <= 2 * (r.max + 2 * r.chunk));
			continue;
		}
		if (status == LINE_EOF)
			break;
		need(rest.n > 0 && r.number == ++number);
		want = slice_cut(&rest, '\n');
		if (status == LINE_TOO_LONG)
			need(want.n > r.max);
		else
			need(want.n <= r.max && slice_eq(line, want));
	}
	need(rest.n == 0);
	line_free(&r);
	return 0;
}
