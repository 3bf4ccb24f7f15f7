/* What a server sends to ws-bench: the answer to the handshake, and stamps in messages. */
#include "../../cmd/ws-bench/handshake.c"
#include "../../cmd/ws-bench/stamp.c"

#include <stdlib.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char key[HANDSHAKE_KEY] = "the sample nonce";
	struct slice in = slice_of((const char *)data, size);
	struct handshake h = { .protocol = S("chat") };
	struct handshake_answer a;
	struct stamp s;
	char again[STAMP_SIZE];

	switch (handshake_check(in, &h, key, &a)) {
	case HANDSHAKE_OK:
		need(a.size >= 4 && a.size <= size && a.status == 101);
		need(memcmp(in.p + a.size - 4, "\r\n\r\n", 4) == 0);
		break;
	case HANDSHAKE_MORE:
		need(size < HANDSHAKE_MAX);
		break;
	case HANDSHAKE_REFUSED:
		need(a.status >= 100 && a.status <= 999 && a.status != 101);
		break;
	case HANDSHAKE_BAD:
		need(a.why != NULL);
		break;
	}
	if (stamp_find(in, 0, &s)) {
		stamp_put(again, 0, &s);
		need(memmem(in.p, in.n, again, STAMP_SIZE) != NULL);
	}
	return 0;
}
