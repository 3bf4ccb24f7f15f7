#include "utf8.h"

#include "unit.h"

TEST(every_code_point_comes_back)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char text[4];
		unsigned n;

		if (c == 0xd800)
			c = 0xe000; /* surrogates are no characters */
		n = utf8_encode(c, text);
		if (utf8_length((unsigned char *)text, (unsigned char *)text + n) != n ||
		    utf8_length((unsigned char *)text, (unsigned char *)text + n - 1) != 0)
			printf("# U+%04X\n", c), unit_ok = false;
	}
}

/* The decoder of the definition: RFC 3629 section 4, read off the table. */
static bool
valid(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char lo[4], hi[4];
		size_t n;
	} rows[] = {
		{ { 0x00 }, { 0x7f }, 1 }, { { 0xc2, 0x80 }, { 0xdf, 0xbf }, 2 },
		{ { 0xe0, 0xa0, 0x80 }, { 0xe0, 0xbf, 0xbf }, 3 },
		{ { 0xe1, 0x80, 0x80 }, { 0xec, 0xbf, 0xbf }, 3 },
		{ { 0xed, 0x80, 0x80 }, { 0xed, 0x9f, 0xbf }, 3 },
		{ { 0xee, 0x80, 0x80 }, { 0xef, 0xbf, 0xbf }, 3 },
		{ { 0xf0, 0x90, 0x80, 0x80 }, { 0xf0, 0xbf, 0xbf, 0xbf }, 4 },
		{ { 0xf1, 0x80, 0x80, 0x80 }, { 0xf3, 0xbf, 0xbf, 0xbf }, 4 },
		{ { 0xf4, 0x80, 0x80, 0x80 }, { 0xf4, 0x8f, 0xbf, 0xbf }, 4 },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		size_t i = 0;

		while (i < rows[r].n && i < n && p[i] >= rows[r].lo[i] && p[i] <= rows[r].hi[i])
			i++;
		if (i == rows[r].n && i == n)
			return true;
	}
	return false;
}

TEST(what_is_valid_agrees_with_the_table_of_the_rfc)
{
	/* The bytes at which something changes. */
	static const unsigned char edge[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
		0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff };
	enum { E = sizeof(edge) };

	for (size_t k = 0; k < (size_t)E * E * E * E; k++) {
		unsigned char t[4] = { edge[k % E], edge[k / E % E], edge[k / E / E % E],
			edge[k / E / E / E] };

		for (size_t n = 1; n <= 4; n++) {
			unsigned got = utf8_length(t, t + n);
			size_t want = 1;

			while (want <= n && !valid(t, want))
				want++;
			if (got != (want <= n ? want : 0))
				printf("# %02x %02x %02x %02x\n", t[0], t[1], t[2], t[3]), unit_ok = false;
		}
	}
}

TEST(text_is_checked_up_to_its_last_byte)
{
	char text[20];

	for (size_t n = 1; n <= sizeof(text); n++)
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', n);
			CHECK(utf8_valid(unit_guard(slice_of(text, n))));
			text[at] = '\xc3';
			CHECK(!utf8_valid(unit_guard(slice_of(text, n))));
			if (at + 1 < n) {
				text[at + 1] = '\xa9';
				CHECK(utf8_valid(unit_guard(slice_of(text, n))));
			}
		}
	CHECK(utf8_valid(S("")));
	CHECK(utf8_valid(S("a\0b")));
}

int
main(void)
{
	RUN(every_code_point_comes_back);
	RUN(what_is_valid_agrees_with_the_table_of_the_rfc);
	RUN(text_is_checked_up_to_its_last_byte);
	return unit_done();
}
