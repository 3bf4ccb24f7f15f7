/* Whatever comes to the door: a header has one length and one reading, what the handshake
 * lets pass keeps its promises, and a body is the same however it was cut. */
#include "../../cmd/ws-serve/body.c"
#include "../../cmd/ws-serve/handshake.c"
#include "../../cmd/ws-serve/proxy.c"
#include "../../cmd/ws-serve/request.c"

#include <stdlib.h>

#include "fuzz.h"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* The content of a body that comes in pieces of `step` bytes; false when malformed. */
static bool
read_body(int64_t length, struct slice in, size_t step, struct buf *out, size_t *used)
{
	struct body b;

	*used = 0;
	body_init(&b, length);
	while (*used < in.n && b.state != BODY_DONE) {
		struct slice piece = slice_from(in, *used), content;
		ssize_t n;

		if (piece.n > step)
			piece.n = step;
		if ((n = body_take(&b, piece, &content)) < 0)
			return false;
		must(n > 0 && (size_t)n <= piece.n && content.n <= (size_t)n);
		buf_slice(out, content);
		*used += (size_t)n;
	}
	return true;
}

static void
try_body(const struct request *r, struct slice rest)
{
	struct buf whole = { 0 }, bytes = { 0 };
	size_t used_whole, used_bytes;
	const char *why;
	int64_t length;

	if (request_body(r, &length, &why) == 0) {
		bool sound = read_body(length, rest, rest.n, &whole, &used_whole);

		must(read_body(length, rest, 1, &bytes, &used_bytes) == sound);
		must(!sound || (slice_eq(buf_view(&whole), buf_view(&bytes)) && used_whole == used_bytes));
	}
	buf_free(&whole);
	buf_free(&bytes);
}

static void
try_handshake(const struct request *r)
{
	struct buf scratch = { 0 };
	struct handshake h;
	const char *why = NULL;

	if (handshake_check(r, "sid", &scratch, &h, &why) == 0) {
		must(slice_is(r->method, "GET") && r->minor == 1 && h.key.n == HANDSHAKE_KEY);
		must((h.source == DOOR_TOKEN_NONE) == (h.token.n == 0));
		for (size_t i = 0; i < h.token.n; i++)
			must(h.token.p[i] > ' ' && h.token.p[i] < 0x7f);
		for (int i = 0; i < h.subprotocol_count; i++)
			must(request_token(h.subprotocols[i]) && !slice_is(h.subprotocols[i], "bearer"));
	} else {
		must(why && *why);
	}
	buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size), forwarded = { 0 }, text;
	size_t end = request_end(in, 0);
	struct peer_address a;
	struct proxy nets = { 0 };
	struct request r;
	const char *why = NULL;

	for (size_t n = 0; n < (end ? end : size); n++) {
		must(request_end(slice_of(in.p, n), 0) == 0);
		must(request_end(in, n) == end);
		if (n > 512)
			break;
	}
	if (end == 0)
		return 0;
	if (request_parse(slice_of(in.p, end), &r, &why)) {
		must(why && *why);
		return 0;
	}
	must(r.path.n && r.path.p[0] == '/');
	try_handshake(&r);
	try_body(&r, slice_from(in, end));
	proxy_add(&nets, "10.0.0.0/8");
	if (request_field(&r, "x-forwarded-for", &forwarded)
	    && proxy_client(&nets, forwarded, &a, &text))
		must(text.n > 0 && text.n < 46);
	proxy_free(&nets);
	return 0;
}
