/* Any text is a URL or is refused; what url_encode writes, url_decode takes back. */
#include "url.h"

#include <stdlib.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	struct buf text = { 0 }, back = { 0 };
	struct url u;
	const char *why;

	buf_slice(&text, in);
	if (url_parse(buf_cstr(&text), &u, &why) == 0) {
		buf_clear(&text);
		url_put_host(&text, &u);
		url_put_shown(&text, &u);
		url_free(&u);
	}
	buf_clear(&text);
	url_encode(&text, in);
	if (url_decode(&back, buf_view(&text)) || !slice_eq(buf_view(&back), in))
		abort();
	buf_free(&text);
	buf_free(&back);
	return 0;
}
