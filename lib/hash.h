/* hash - a keyed hash for tables whose keys strangers choose: SipHash-1-3 (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF") under a key drawn at random when the
 * process first asks. So nobody outside can find keys that fall together. Values differ
 * from run to run. */
#ifndef HASH_H
#define HASH_H

#include <stdint.h>

#include "slice.h"

uint64_t hash_bytes(struct slice s);

/* The same under a key of the caller's, for tests. */
uint64_t hash_keyed(struct slice s, uint64_t k0, uint64_t k1);

#endif
