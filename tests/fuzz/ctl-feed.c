/* sources: cmd/ws-ctl/ctl.c */
/* What two servers answer to lines that ws-ctl feeds them; what comes from the second ends
 * with a blank. */
#include "msg.h"

/* What is told people is told nobody. */
static inline void
quiet(const char *fmt, ...)
{
	(void)fmt;
}

#define msg_error quiet
#define msg_warn quiet
#include "../../cmd/ws-ctl/feed.c"
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
try_feed(struct slice answers)
{
	struct link links[2] = { { .path = "a", .fd = 5 }, { .path = "b", .fd = 6 } };
	struct feed f = { .eof = true, .lines = 3 };
	struct ctl c = { .config = &config, .links = links, .n = 2, .ctx = &f, .out.fd = -1 };
	bool all = false;

	buf_str(&f.log, "{\"all\":true,\"data\":1}\n{\"x\":1}\n{\"id\":3,\"all\":true,\"data\":2}\n");
	for (int i = 0; i < 2; i++) {
		connected(&c, &links[i]);
		check_lines(buf_view(&links[i].out), true);
	}
	while (answers.n) {
		struct slice line = slice_cut(&answers, '\n');
		struct link *l = &links[line.n && line.p[line.n - 1] == ' '];

		if (!js_valid(line, NULL))
			continue;
		answered(&c, l, line);
		need(f.drop <= f.log.n && f.start <= log_end(&f));
		for (int i = 0; i < 2; i++) {
			need(links[i].feed->confirmed >= f.start && links[i].feed->confirmed <= log_end(&f));
			need(links[i].feed->confirmed <= links[i].feed->sent);
		}
		need(!all || finished(&c));
		all = finished(&c);
		need(all == (f.drop == f.log.n));
		check_lines(buf_view(&c.out.b), false);
		buf_clear(&c.out.b);
	}
	c.status = EXIT_DONE;
	for (int i = 0; i < 2; i++) {
		free(links[i].feed->chunk);
		free(links[i].feed);
		buf_free(&links[i].out);
	}
	buf_free(&f.log);
	buf_free(&c.out.b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_feed(slice_of((const char *)data, size));
	return 0;
}
