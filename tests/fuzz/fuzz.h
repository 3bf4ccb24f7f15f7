/* fuzz - what every target needs: libFuzzer's entry, and a check that stops it. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
need(bool cond)
{
	if (!cond)
		abort();
}

#endif
