/* Whatever stands in a routes file: mistakes are told with a place in it, and what is
 * taken cannot reach out of its block. */
#include "../../cmd/ws-route/routes.c"
#include "../../cmd/ws-route/scan.c"

#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
told(void *ctx, unsigned line, unsigned column, const char *why)
{
	const struct routes *r = ctx;

	must(why && *why);
	must(line >= 1 && line <= r->lines);
	/* The end of a block may be told at the end of its last line. */
	must(column <= r->line[line - 1].n + 1);
}

/* A sound block stays sound, and stays one block, inside what ws-route puts around it. */
static void
wrapped(struct slice source)
{
	struct buf b = { 0 };
	struct scan_error e;

	buf_str(&b, "def entry: (");
	buf_slice(&b, source);
	buf_str(&b, "\n);def other: (.);");
	must(scan_jq(buf_view(&b), SCAN_DEFS, &e) == 0 || !strcmp(e.why, "nested too deeply"));
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct routes r;
	unsigned last = 0;
	bool sound = !routes_parse(slice_of((const char *)data, size), &r, told, &r);

	for (size_t i = 0; i < r.blocks; i++) {
		const struct routes_block *b = &r.block[i];

		must(b->header > last);
		must(b->broken || (b->first > b->header && b->last >= b->first && b->last <= r.lines));
		must(!sound || !b->broken);
		must(b->is_def || !sound || b->patterns > 0);
		must(b->pattern + b->patterns <= r.patterns);
		if (!b->broken && !b->is_def)
			wrapped(block_text(&r, b));
		last = b->first ? b->last : b->header;
	}
	for (size_t i = 0; i < r.patterns; i++) {
		must(r.pattern[i].dots && r.pattern[i].words);
		must(r.pattern[i].text.n <= ROUTES_PATTERN);
	}
	routes_free(&r);
	return 0;
}
