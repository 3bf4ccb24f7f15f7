/* sources: cmd/ws-route/event.c cmd/ws-route/mistakes.c cmd/ws-route/pass.c
 * cmd/ws-route/router.c cmd/ws-route/routes.c cmd/ws-route/scan.c */
/* Events through ws-route, with routes that hand on, take apart and put together again:
 * whatever the line, what comes out is lines of JSON, the tag on the last of them and
 * nowhere else, and what no program changed is as it was, digit by digit. A fixture
 * (--test) is taken or refused. The first byte says which. */
#include "msg.h"

/* What is wrong with a fixture is told nobody. */
#define msg_error(...) ((void)0)
#include "../../cmd/ws-route/fixture.c"

#include <sys/mman.h>
#include <unistd.h>

#include "jqval.h"
#include "jqx.h"
#include "slice.h"
#include "fuzz.h"

static const char program[] =
	"same.#\n\t.\n"
	"again.#\n\t{all: map_values(.)}\n"
	"apart.#\n\t.data[]? | {data: .}\n"
	"text.#\n\t{text: tojson, data: (tojson | fromjson)}\n"
	"order.#\n\t{data: (.data | arrays | sort, unique, group_by(.), add)}\n"
	"keys.#\n\t{data: [.. | scalars], n: (.data | length?), k: keys}\n"
	"nulls.#\n\t{data: (.data | drop_nulls), w: (.key | word(1)), l: (.key | last_word)}\n"
	"names.#\n\t{to: \"user:\\(.data.id)\", data: .data.id, x: (.data.id == .data.other)}\n";

/* The number of lines, all of them objects. */
static size_t
check_lines(struct slice text, struct slice tag)
{
	size_t n = 0;

	while (text.n) {
		struct slice line = slice_cut(&text, '\n'), found;

		need(js_valid(line, NULL) && js_type(line) == JS_OBJECT);
		found = js_get(line, S("tag"));
		need(text.n ? !found.n : slice_eq(found, tag));
		n++;
	}
	return n;
}

/* Without the white space between tokens. */
static struct slice
squeezed(struct buf *b, struct slice json)
{
	buf_clear(b);
	put_squeezed(b, json);
	return buf_view(b);
}

static void
route(struct pass *p, struct slice line)
{
	struct buf want = { 0 }, got = { 0 }, reasons = { 0 }, flat = { 0 };
	struct slice out;
	size_t n;

	p->reasons = &reasons;
	buf_clear(&p->out->b);
	pass_line(p, line, 1);
	out = buf_view(&p->out->b);
	if (!js_valid(line, NULL) || js_type(slice_trim(line)) != JS_OBJECT || p->event.members < 0) {
		need(out.n == 0 && reasons.n);
		goto out;
	}
	if (p->event.bare) {
		need(out.n == line.n + 1);
		goto out;
	}
	js_put_flat(&flat, p->event.tag);
	need(out.n == 0 || out.p[out.n - 1] == '\n');
	n = check_lines(out, buf_view(&flat));
	need(n || !flat.n);
	/* Identity gives back the very bytes, but for the tag's place. */
	if (slice_starts(p->event.subject, S("same.")) && !flat.n && !reasons.n)
		need(n == 1 && slice_eq(squeezed(&got, slice_of(out.p, out.n - 1)), squeezed(&want, line)));
out:
	buf_free(&want);
	buf_free(&got);
	buf_free(&reasons);
	buf_free(&flat);
}

static void
fixture(struct pass *p, struct slice text)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fixture", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	need(ftruncate(fd, 0) == 0 && pwrite(fd, text.p, text.n, 0) == (ssize_t)text.n);
	fixture_run(path, p, false);
}

static struct pass pass;

/* libjq holds an interpreter's stack by its end only, which the leak checker does not take
 * for a pointer: it must be gone when the program ends. */
static void
release(void)
{
	router_free(pass.router);
	pass.router = NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct out out = { .fd = -1 };
	struct slice rest = slice_of((const char *)data + 1, size ? size - 1 : 0);

	if (!pass.router) {
		struct buf text = { 0 };
		static const char *const nowhere[] = { NULL };
		jv args;

		need(freopen("/dev/null", "w", stdout) != NULL);
		need(!jqx_init());
		buf_str(&text, program);
		args = jv_object();
		pass.router = router_new("fuzz.routes", &text,
		    &(struct router_setup){ .args = args, .library = nowhere });
		jv_free(args);
		need(pass.router != NULL);
		atexit(release);
		pass.max_line = 1 << 20;
		pass.max_output = pass.max_event = 64 << 20;
	}
	if (!size)
		return 0;
	pass.out = &out;
	if (data[0] & 1) {
		fixture(&pass, rest);
	} else {
		while (rest.n)
			route(&pass, slice_cut(&rest, '\n'));
	}
	pass.out = &out;
	buf_clear(&out.b);
	return 0;
}
