/* sources: cmd/ws-ctl/ctl.c */
/* What a server answers a command of ws-ctl, a line each. The first byte says which one. */
#include "msg.h"

/* What is told people is told nobody. */
#define msg_error(...) ((void)0)
#include "../../cmd/ws-ctl/ask.c"
#include "fuzz.h"

/* Whole lines of JSON. */
static void
check_lines(struct slice text, bool objects)
{
	while (text.n) {
		struct slice line = slice_cut(&text, '\n');

		need(js_valid(line, NULL) && (!objects || js_type(slice_trim(line)) == JS_OBJECT));
	}
}

static const struct config config = { .block = "10m", .code = 4003, .max_line = 1 << 20,
	.window = 1 << 20 };

static void
try_ask(size_t which, struct slice answers)
{
	static char *const words[][2] = { { (char *)"open,close" }, { (char *)"connections", (char *)"user=u" },
		{ (char *)"room=r" }, { NULL }, { (char *)"user=u", (char *)"room=r" } };
	static const int counts[] = { 1, 2, 1, 0, 2 };
	struct link link = { .path = "ctl", .fd = 5 };
	struct ask a = { .command = &commands[which] };
	struct ctl c = { .config = &config, .links = &link, .n = 1, .ctx = &a, .out.fd = -1 };

	a.command->make(&a, &config, (char **)words[which], counts[which]);
	check_lines(buf_view(&a.request), true);
	connected(&c, &link);
	while (answers.n) {
		struct slice line = slice_cut(&answers, '\n');
		bool done = link.done;
		int64_t written = c.written;

		if (!js_valid(line, NULL))
			continue;
		on_line(&c, &link, line);
		need(!done || (link.done && c.written == written));
		check_lines(buf_view(&c.out.b), false);
		buf_clear(&c.out.b);
	}
	need(finished(&c) == link.done);
	ending(&c);
	buf_free(&a.request);
	buf_free(&a.missing);
	buf_free(&link.out);
	buf_free(&c.out.b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		try_ask(data[0] % 5, slice_of((const char *)data + 1, size - 1));
	return 0;
}
