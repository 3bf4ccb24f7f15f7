#include "frame.h"

#include "unit.h"

static struct slice
bytes(const char *p, size_t n)
{
	return unit_guard(slice_of(p, n));
}

TEST(headers_take_the_shortest_form)
{
	static const struct {
		uint64_t length;
		size_t header;
	} cases[] = { { 0, 2 }, { 125, 2 }, { 126, 4 }, { 65535, 4 }, { 65536, 10 }, { 1ull << 40, 10 } };
	static const unsigned char mask[4] = { 1, 2, 3, 4 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned char out[FRAME_HEADER_MAX];
		struct frame f;
		size_t n = frame_header(out, FRAME_TEXT, cases[i].length, NULL);

		CHECK(n == cases[i].header);
		CHECK(frame_decode(bytes((char *)out, n), false, false, &f, NULL) == FRAME_OK);
		CHECK(f.length == cases[i].length && f.header == n && f.fin && !f.masked);
		n = frame_header(out, FRAME_BINARY, cases[i].length, mask);
		CHECK(n == cases[i].header + 4);
		CHECK(frame_decode(bytes((char *)out, n), true, false, &f, NULL) == FRAME_OK);
		CHECK(f.length == cases[i].length && f.masked && !memcmp(f.mask, mask, 4));
	}
}

TEST(a_header_that_is_cut_off_needs_more)
{
	unsigned char out[FRAME_HEADER_MAX];
	static const unsigned char mask[4] = { 9, 9, 9, 9 };
	size_t n = frame_header(out, FRAME_TEXT, 70000, mask);
	struct frame f;

	for (size_t i = 0; i < n; i++)
		CHECK(frame_decode(bytes((char *)out, i), true, false, &f, NULL) == FRAME_MORE);
}

TEST(what_the_protocol_forbids_is_bad)
{
	static const struct {
		const char *p;
		size_t n;
		bool client, rsv1;
	} cases[] = {
		{ "\x83\x00", 2, false, false },                          /* reserved opcodes */
		{ "\x8b\x00", 2, false, false },
		{ "\xc1\x00", 2, false, false },                          /* RSV1 */
		{ "\xc0\x00", 2, false, true },                           /* on a continuation */
		{ "\xc9\x00", 2, false, true },                           /* on a ping */
		{ "\xa1\x00", 2, false, true },                           /* RSV2 */
		{ "\x09\x00", 2, false, false },                          /* a ping in pieces */
		{ "\x89\x7e", 2, false, false },                          /* a long ping */
		{ "\x81\x00", 2, true, false },                           /* not masked */
		{ "\x81\x80", 2, false, false },                          /* masked */
		{ "\x81\x7e\x00\x7d", 4, false, false },                  /* 125 in two bytes */
		{ "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10, false, false },
		{ "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct frame f;
		const char *why = NULL;

		CHECK(frame_decode(bytes(cases[i].p, cases[i].n), cases[i].client, cases[i].rsv1, &f,
		    &why) == FRAME_BAD);
		CHECK(why != NULL);
	}
	struct frame f;

	CHECK(frame_decode(bytes("\xc1\x00", 2), false, true, &f, NULL) == FRAME_OK && f.rsv1);
}

TEST(masking_twice_gives_the_bytes_back_whatever_the_pieces)
{
	static const unsigned char mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	char text[100], copy[100];

	for (int i = 0; i < 100; i++)
		text[i] = (char)i;
	memcpy(copy, text, 100);
	frame_mask(copy, 100, mask, 0);
	CHECK(copy[0] == 0x12 && copy[1] == (1 ^ 0x34) && copy[5] == (5 ^ 0x34));
	for (size_t at = 0; at < 100; at += 7)
		frame_mask(copy + at, at + 7 > 100 ? 100 - at : 7, mask, at);
	CHECK(memcmp(copy, text, 100) == 0);
}

TEST(close_payloads_are_checked)
{
	struct slice reason;

	CHECK(frame_close(bytes("", 0), &reason) == 1005);
	CHECK(frame_close(bytes("\x03\xe8 bye", 6), &reason) == 1000);
	CHECK_SLICE(reason, S(" bye"));
	CHECK(frame_close(bytes("\x03", 1), &reason) == 0);
	CHECK(frame_close(bytes("\x03\xe8\xff", 3), &reason) == 0);
	CHECK(frame_close(bytes("\x03\xed", 2), &reason) == 0);
	CHECK(frame_close(bytes("\x13\x88", 2), &reason) == 0);
	CHECK(frame_close(bytes("\x0f\xa1", 2), &reason) == 4001);
	CHECK(frame_close_code_ok(1012) && !frame_close_code_ok(1015) && !frame_close_code_ok(2999));
}

int
main(void)
{
	RUN(headers_take_the_shortest_form);
	RUN(a_header_that_is_cut_off_needs_more);
	RUN(what_the_protocol_forbids_is_bad);
	RUN(masking_twice_gives_the_bytes_back_whatever_the_pieces);
	RUN(close_payloads_are_checked);
	return unit_done();
}
