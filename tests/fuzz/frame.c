/* Frame headers and close payloads: what is decoded encodes to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of((const char *)data, size), reason;

	for (int mode = 0; mode < 4; mode++) {
		unsigned char again[FRAME_HEADER_MAX];
		const char *why = NULL;
		struct frame f;

		switch (frame_decode(bytes, mode & 1, mode & 2, &f, &why)) {
		case FRAME_OK:
			if (f.header > size || frame_header_bits(again, &f) != f.header ||
			    memcmp(again, data, f.header))
				abort();
			break;
		case FRAME_BAD:
			if (!why)
				abort();
			break;
		case FRAME_MORE:
			if (size >= FRAME_HEADER_MAX)
				abort();
			break;
		}
	}
	(void)frame_close(bytes, &reason);
	return 0;
}
