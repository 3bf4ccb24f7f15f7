#include "hash.h"

#include "unit.h"

TEST(the_hash_differs_for_every_length_and_byte)
{
	char text[64];
	uint64_t seen[64 * 8 + 64];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (size_t i = 0; i < sizeof(text); i++)
		seen[n++] = hash_keyed(unit_guard(slice_of(text, i)), 1, 2);
	for (size_t i = 0; i < 64 * 8; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		seen[n++] = hash_keyed(slice_of(text, 64), 1, 2);
		text[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			CHECK(seen[i] != seen[k]);
}

TEST(the_hash_depends_on_the_key)
{
	CHECK(hash_keyed(S("room"), 1, 2) != hash_keyed(S("room"), 1, 3));
	CHECK(hash_keyed(S("room"), 1, 2) != hash_keyed(S("room"), 2, 2));
	CHECK(hash_keyed(S(""), 1, 2) != hash_keyed(S(""), 2, 1));
	CHECK(hash_bytes(S("room")) == hash_bytes(S("room")));
	CHECK(hash_bytes(S("room")) != hash_bytes(S("rooms")));
}

TEST(the_hash_is_siphash_1_3)
{
	CHECK(hash_keyed(unit_guard(S("room")), 0, 0) == 0xf9d3fff8c23da278);
	CHECK(hash_keyed(unit_guard(S("abcdefgh")), 0, 0) == 0x3f7b849c0b8e35ea);
	CHECK(hash_keyed(unit_guard(S("abcdefghijklmno")), 0, 0) == 0x1fd27a29b0e9dc7a);
}

int
main(void)
{
	RUN(the_hash_is_siphash_1_3);
	RUN(the_hash_differs_for_every_length_and_byte);
	RUN(the_hash_depends_on_the_key);
	return unit_done();
}
