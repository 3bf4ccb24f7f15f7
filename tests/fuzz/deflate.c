/* sources: cmd/ws-serve/deflate.c */
/* The payload of a packed message as a client sends it, and a limit before it: whatever
 * the limit, no more than that comes out, and what does is the same; any message comes
 * back from being packed. */
#include "../../cmd/ws-serve/deflate.h"

#include <stdlib.h>

#include "fuzz.h"

static void
try_limit(struct slice packed, size_t most, struct slice whole, enum deflate_status status)
{
	struct buf b = { 0 };

	buf_str(&b, "before");
	switch (deflate_unpack(&b, packed, most)) {
	case DEFLATE_OK:
		need(status == DEFLATE_OK && whole.n <= most);
		need(slice_eq(slice_from(buf_view(&b), 6), whole));
		break;
	case DEFLATE_TOO_BIG:
		need((status == DEFLATE_TOO_BIG || whole.n > most) && b.n <= 6 + most + 1);
		break;
	case DEFLATE_BAD:
		need(status != DEFLATE_OK);
		break;
	}
	need(memcmp(b.p, "before", 6) == 0);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size), packed = slice_from(in, 2);
	struct buf whole = { 0 }, again = { 0 };
	enum deflate_status status;

	if (size < 2)
		return 0;
	status = deflate_unpack(&whole, packed, 1 << 20);
	try_limit(packed, (size_t)data[0] << 8 | data[1], buf_view(&whole), status);
	try_limit(packed, whole.n, buf_view(&whole), status);
	buf_clear(&whole);
	deflate_pack(&whole, packed);
	need(deflate_unpack(&again, buf_view(&whole), packed.n) == DEFLATE_OK);
	need(slice_eq(buf_view(&again), packed));
	buf_free(&whole);
	buf_free(&again);
	return 0;
}
