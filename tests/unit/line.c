#include "line.h"

#include <errno.h>
#include <fcntl.h>

#include "buf.h"
#include "unit.h"

/* Feed `input` through a pipe, `piece` bytes at a time, and note what comes out:
 * "1:text;" for a line, "2!;" for one that is too long, "$" for the end. */
static void
read_all(struct slice input, size_t max, size_t piece, struct buf *out)
{
	struct line_reader r;
	int fds[2];

	if (pipe(fds))
		abort();
	line_init(&r, fds[0], max);
	buf_clear(out);
	for (;;) {
		struct slice line;
		enum line_status status = line_take(&r, &line);

		if (status == LINE_OK) {
			buf_fmt(out, "%d:", (int)r.number);
			buf_slice(out, line);
			buf_byte(out, ';');
		} else if (status == LINE_TOO_LONG) {
			buf_fmt(out, "%d!;", (int)r.number);
		} else if (status == LINE_EOF) {
			break;
		} else {
			size_t n = input.n < piece ? input.n : piece;

			if (n && write(fds[1], input.p, n) != (ssize_t)n)
				abort();
			input = slice_from(input, n);
			if (n == 0) {
				close(fds[1]);
				fds[1] = -1;
			}
			CHECK(line_fill(&r) == (ssize_t)n);
			/* Never much more than the longest line and one read. */
			CHECK(r.cap <= 2 * (max + r.chunk));
		}
	}
	CHECK(line_take(&r, &(struct slice){ 0 }) == LINE_EOF);
	buf_byte(out, '$');
	line_free(&r);
	close(fds[0]);
}

static const struct {
	const char *input;
	size_t max;
	const char *output;
} cases[] = {
	{ "", 9, "$" }, { "\n", 9, "1:;$" }, { "a", 9, "1:a;$" }, { "a\n", 9, "1:a;$" },
	{ "a\nb", 9, "1:a;2:b;$" }, { "\n\na\n", 9, "1:;2:;3:a;$" }, { "a\r\n", 9, "1:a\r;$" },
	{ "abc\nd\n", 3, "1:abc;2:d;$" }, { "abcd\ne\n", 3, "1!;2:e;$" }, { "abcd", 3, "1!;$" },
	{ "abcdefgh\nabc", 3, "1!;2:abc;$" }, { "abcd\nabcd\nx\n", 3, "1!;2!;3:x;$" },
	{ "x\nabcdefghijkl\n\ny", 3, "1:x;2!;3:;4:y;$" }, { "a\n\n", 0, "1!;2:;$" },
};

TEST(lines_do_not_depend_on_how_the_bytes_arrive)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 20; piece++) {
			read_all(slice_str(cases[i].input), cases[i].max, piece, &out);
			CHECK_SLICE(buf_view(&out), slice_str(cases[i].output));
		}
	buf_free(&out);
}

TEST(a_line_may_hold_any_byte_but_its_end)
{
	struct buf out = { 0 };

	read_all(S("a\0b\xff\n"), 9, 2, &out);
	CHECK_SLICE(buf_view(&out), S("1:a\0b\xff;$"));
	buf_free(&out);
}

TEST(long_lines_come_whole_and_longer_ones_take_no_memory)
{
	enum { MAX = 1 << 20 };
	struct buf input = { 0 }, out = { 0 };
	size_t sizes[] = { MAX, MAX + 1, 3 * MAX, 1 };

	for (size_t i = 0; i < 4; i++) {
		memset(buf_reserve(&input, sizes[i]), 'a' + (int)i, sizes[i]);
		input.n += sizes[i];
		buf_byte(&input, '\n');
	}
	read_all(buf_view(&input), MAX, 50000, &out);
	CHECK(out.n == MAX + 3 + 3 + 3 + 4 + 1);
	CHECK_SLICE(slice_from(buf_view(&out), MAX + 2), S(";2!;3!;4:d;$"));
	buf_free(&input);
	buf_free(&out);
}

TEST(errors_are_told_apart_from_the_end)
{
	struct line_reader r;
	struct slice line;
	int fds[2];

	if (pipe2(fds, O_NONBLOCK))
		abort();
	line_init(&r, fds[0], 9);
	CHECK(line_fill(&r) == -1 && errno == EAGAIN);
	CHECK(line_take(&r, &line) == LINE_MORE && !r.eof);
	CHECK(write(fds[1], "a\nb", 3) == 3 && line_fill(&r) == 3 && line_pending(&r) == 3);
	CHECK(line_take(&r, &line) == LINE_OK && line_pending(&r) == 1);
	close(fds[0]);
	CHECK(line_fill(&r) == -1 && errno == EBADF);
	CHECK(line_take(&r, &line) == LINE_MORE && !r.eof);
	line_free(&r);
	close(fds[1]);
}

int
main(void)
{
	RUN(lines_do_not_depend_on_how_the_bytes_arrive);
	RUN(a_line_may_hold_any_byte_but_its_end);
	RUN(long_lines_come_whole_and_longer_ones_take_no_memory);
	RUN(errors_are_told_apart_from_the_end);
	return unit_done();
}
