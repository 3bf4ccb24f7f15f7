#include "hash.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "exit.h"
#include "msg.h"

static uint64_t
rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void
mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static uint64_t
little(const char *p, size_t n)
{
	uint64_t w = 0;

	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)(unsigned char)p[i] << 8 * i;
	return w;
}

uint64_t
hash_keyed(struct slice s, uint64_t k0, uint64_t k1)
{
	/* "somepseudorandomlygeneratedbytes" */
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	uint64_t w = (uint64_t)s.n << 56;

	for (; s.n >= 8; s.p += 8, s.n -= 8) {
		uint64_t block = little(s.p, 8);

		v[3] ^= block;
		mix(v);
		v[0] ^= block;
	}
	w |= little(s.p, s.n);
	v[3] ^= w;
	mix(v);
	v[0] ^= w;
	v[2] ^= 0xff;
	mix(v);
	mix(v);
	mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_bytes(struct slice s)
{
	static uint64_t key[2];
	static bool drawn;

	if (!drawn) {
		if (getrandom(key, sizeof(key), 0) != sizeof(key))
			msg_die(EXIT_HOST, "no random numbers: %s", strerror(errno));
		drawn = true;
	}
	return hash_keyed(s, key[0], key[1]);
}
