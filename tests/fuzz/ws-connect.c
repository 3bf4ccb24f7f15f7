/* What a server sends to ws-connect, and what a user does: replies and handshakes,
 * frames, JSON values. Cut anywhere, the outcome is the same. */
#include "../../cmd/ws-connect/guard.c"
#include "../../cmd/ws-connect/http.c"
#include "../../cmd/ws-connect/jsonseq.c"
#include "../../cmd/ws-connect/upgrade.c"

#include <stdlib.h>

#include "fuzz.h"

static void
fuzz_reply(struct slice in)
{
	static const char *protocols[] = { "chat", "superchat" };
	struct options o = { .deflate = true, .subprotocols = { protocols, 2 } };
	struct http_reply r;
	struct upgrade u;
	const char *why;

	switch (http_reply(in, &r, &why)) {
	case HTTP_WHOLE:
		need(r.length <= in.n && r.status >= 100 && r.status <= 599);
		upgrade_check(&r, &o, "dGhlIHNhbXBsZSBub25jZQ==", &u);
		buf_free(&u.extension);
		break;
	case HTTP_BAD:
		need(why != NULL);
		break;
	case HTTP_MORE:
		break;
	}
}

/* Bytes that pass, and the code of the end: 0 when all is sound so far. */
static size_t
passed(struct slice in, size_t step, unsigned *code)
{
	struct guard g = { .deflate = true, .max_message = 1 << 20 };
	size_t at = 0, end = 0;
	struct buf out = { 0 };
	const char *why;

	*code = 0;
	while (end < in.n) {
		end = in.n - end < step ? in.n : end + step;
		for (;;) {
			ssize_t n = guard_pass(&g, slice_of(in.p + at, end - at), &out, code, &why);

			buf_free(&out);
			need(n <= (ssize_t)(end - at) && (n >= 0 || why));
			if (n < 0)
				return at;
			*code = 0;
			if (!n)
				break;
			at += (size_t)n;
		}
	}
	return at;
}

static void
fuzz_frames(struct slice in)
{
	unsigned whole, cut;

	passed(in, in.n, &whole);
	passed(in, 1, &cut);
	need(whole == cut);
}

static size_t
count_values(struct slice in, size_t step, size_t *good)
{
	struct jsonseq q;
	struct slice v;
	const char *why;
	size_t at = 0;

	*good = 0;
	jsonseq_init(&q, 1000);
	for (;;) {
		switch (jsonseq_take(&q, &v, &why)) {
		case JSONSEQ_OK:
			need(v.n && v.n <= 1000);
			++*good;
			continue;
		case JSONSEQ_MORE: {
			size_t n = in.n - at < step ? in.n - at : step;

			need(!q.eof);
			buf_add(&q.b, in.p + at, n);
			at += n;
			q.eof = at == in.n;
			continue;
		}
		case JSONSEQ_BAD:
		case JSONSEQ_TOO_LONG:
			continue;
		case JSONSEQ_EOF:
			break;
		}
		break;
	}
	jsonseq_free(&q);
	return q.number;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data + 1, size ? size - 1 : 0);
	size_t good, good_cut;

	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		fuzz_reply(in);
		break;
	case 1:
		fuzz_frames(in);
		break;
	case 2:
		need(count_values(in, 4096, &good) == count_values(in, 1, &good_cut) && good == good_cut);
		break;
	}
	return 0;
}
