/* Any body comes back from the record it is put into; any time that is read is written
 * so that it reads the same. */
#include "rec.h"

#include <stdlib.h>

#include "fuzz.h"

static void
put_and_get(struct slice body, enum rec_form form, bool binary)
{
	struct buf line = { 0 }, scratch = { 0 };
	struct rec_payload p;
	struct js_member m[2];
	const char *why;

	buf_byte(&line, '{');
	rec_put_payload(&line, body, form, binary);
	buf_byte(&line, '}');
	need(slice_find(buf_view(&line), '\n') == line.n);
	need(js_object(buf_view(&line), m, 2, NULL) == 1);
	need(rec_payload(m, 1, &scratch, &p, &why) == 0);
	if (p.kind == REC_DATA)
		need(p.bytes.n == slice_trim(body).n); /* line ends in it became blanks */
	else
		need(slice_eq(p.bytes, body));
	need((p.kind == REC_BINARY) || (form != REC_BASE64 && !binary));
	buf_free(&line);
	buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	struct js_member m[REC_MEMBERS];
	int n = js_object(in, m, REC_MEMBERS, NULL);
	struct timespec t, again;

	if (n >= 0) {
		struct buf scratch = { 0 };
		struct rec_payload p;
		const char *why = NULL;

		need(rec_payload(m, n, &scratch, &p, &why) == 0 || why);
		buf_free(&scratch);
	}
	if (rec_time(in, &t) == 0) {
		struct buf b = { 0 };

		rec_put_time(&b, t);
		need(rec_time(slice_of(b.p + 1, b.n - 2), &again) == 0);
		/* Only an offset leads out of the four digits of a year. */
		need(again.tv_sec == t.tv_sec || slice_starts(in, S("0000-01-01")) ||
		    slice_starts(in, S("9999-12-31")));
		buf_free(&b);
	}
	for (int form = REC_AUTO; form <= REC_BASE64; form++) {
		put_and_get(in, (enum rec_form)form, false);
		put_and_get(in, (enum rec_form)form, true);
	}
	return 0;
}
