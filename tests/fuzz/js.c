/* Hostile text is refused or safe to walk over; what is written is valid again. */
#include "js.h"

#include <stdlib.h>

#include "utf8.h"
#include "fuzz.h"

/* Go over a valid value, JS_DEPTH deep at most. */
static void
walk(struct slice val, unsigned depth)
{
	struct buf scratch = { 0 };
	struct slice key, item;
	double d = 0;
	int64_t i = 0;

	need(js_type(val) != JS_NONE && depth <= JS_DEPTH);
	need(js_double(val, &d) == (js_type(val) == JS_NUMBER));
	if (js_int(val, &i))
		need(js_type(val) == JS_NUMBER);
	need(utf8_valid(js_text(val, &scratch)));
	for (struct js_walk w = js_walk(val); js_next(&w, &key, &item);) {
		if (js_type(val) == JS_OBJECT) {
			struct slice name = js_key_text(key, &scratch);

			need(js_key_is(key, name));
		}
		need(js_valid(item, NULL));
		walk(item, depth + 1);
	}
	buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	struct js_error e = { .at = size + 1 };
	struct js_member m[16];
	struct buf b = { 0 };
	bool valid = js_valid(in, &e);
	int n = js_object(in, m, 16, NULL);

	need(valid || (e.why && e.at <= size));
	need(n < 0 || valid);
	for (int i = 0; i < n; i++)
		need(js_valid(m[i].val, NULL));
	/* Each level validates its items again: only short text is walked over. */
	if (valid && size < 4096) {
		walk(slice_trim(in), 0);
		js_put_flat(&b, in);
		need(js_valid(buf_view(&b), NULL) && slice_find(buf_view(&b), '\n') == b.n);
	}
	buf_clear(&b);
	js_put_string(&b, in);
	need(js_valid(buf_view(&b), NULL));
	if (utf8_valid(in)) {
		struct buf back = { 0 };

		need(slice_eq(js_text(buf_view(&b), &back), in));
		buf_free(&back);
	}
	buf_free(&b);
	return 0;
}
