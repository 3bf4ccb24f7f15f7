/* sources: cmd/ws-bench/require.c cmd/ws-bench/stats.c */
/* Numbers as people write them: what is accepted is in range and means the same when it
 * is written out again; thresholds of ws-bench and places of its templates. */
#include "../../cmd/ws-bench/stencil.c"

#include <inttypes.h>
#include <stdio.h>

#include "num.h"
#include "../../cmd/ws-bench/require.h"
#include "fuzz.h"

static void
try_numbers(const char *text)
{
	int64_t v = 7, again;
	struct num_rate r, same;
	char out[96];

	if (num_int(text, &v) == 0) {
		snprintf(out, sizeof(out), "%" PRId64, v);
		need(num_int(out, &again) == 0 && again == v);
	}
	if (num_duration(text, &v) == 0) {
		need(v >= 0);
		snprintf(out, sizeof(out), "%" PRId64 "ms", v);
		need(num_duration(out, &again) == 0 && again == v);
	}
	if (num_size(text, &v) == 0) {
		need(v >= 0);
		snprintf(out, sizeof(out), "%" PRId64, v);
		need(num_size(out, &again) == 0 && again == v);
	}
	if (num_rate(text, &r) == 0) {
		need(r.count >= 1 && r.per_ms >= 1 && r.burst >= 1);
		snprintf(out, sizeof(out), "%" PRId64 "/%" PRId64 "ms:%" PRId64, r.count, r.per_ms, r.burst);
		need(num_rate(out, &same) == 0);
		need(same.count == r.count && same.per_ms == r.per_ms && same.burst == r.burst);
	}
}

static void
try_threshold(const char *text)
{
	static const struct stats none;
	struct requirement q;
	double value;
	bool known;

	if (require_parse(text, &q) == NULL) {
		need(q.value >= 0);
		require_met(&q, &none, &value, &known);
	}
}

/* A message that is all text is that text; {pad} makes up the size. */
static void
try_template(struct slice text)
{
	struct stencil_values v = { .n = 12, .conn = 3, .user = S("u1"), .id = S("id"), .size = 100 };
	struct stencil t;
	struct buf b = { 0 };

	stencil_init(&t, text);
	stencil_put(&b, &t, &v);
	if (stencil_has(&t, PART_PAD))
		need(b.n >= v.size);
	else if (t.n <= 1 && (t.n == 0 || t.pieces[0].part == PART_TEXT))
		need(slice_eq(buf_view(&b), text));
	stencil_unknown(text);
	stencil_free(&t);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	struct buf b = { 0 };

	buf_slice(&b, in);
	try_numbers(buf_cstr(&b));
	try_threshold(buf_cstr(&b));
	try_template(in);
	buf_free(&b);
	return 0;
}
