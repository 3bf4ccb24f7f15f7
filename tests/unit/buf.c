#include "buf.h"

#include "unit.h"

TEST(what_is_added_is_there)
{
	struct buf b = { 0 };

	buf_add(&b, "ab", 2);
	buf_slice(&b, S("c\0d"));
	buf_slice(&b, (struct slice){ 0 });
	buf_str(&b, "e");
	buf_byte(&b, 'f');
	buf_u64(&b, 0);
	buf_u64(&b, 18446744073709551615u);
	CHECK_SLICE(buf_view(&b), S("abc\0def018446744073709551615"));
	buf_clear(&b);
	buf_i64(&b, -9223372036854775807 - 1);
	buf_i64(&b, -1);
	buf_i64(&b, 0);
	buf_i64(&b, 9223372036854775807);
	CHECK_SLICE(buf_view(&b), S("-9223372036854775808-109223372036854775807"));
	buf_clear(&b);
	CHECK(b.n == 0 && b.cap > 0);
	buf_free(&b);
	CHECK(!b.p && !b.n && !b.cap);
	buf_free(&b);
}

TEST(formatted_text_of_any_length_fits)
{
	struct buf b = { 0 };

	for (int n = 0; n < 300; n++) {
		buf_clear(&b);
		buf_str(&b, "x");
		buf_fmt(&b, "%*d", n, 7);
		CHECK(b.n == 1u + (n > 1 ? (size_t)n : 1) && b.p[b.n - 1] == '7');
		buf_free(&b);
	}
}

TEST(single_bytes_grow_it)
{
	struct buf b = { 0 };

	for (int i = 0; i < 100000; i++)
		buf_byte(&b, (char)i);
	CHECK(b.n == 100000 && b.cap < 400000);
	for (int i = 0; i < 100000; i++)
		if (b.p[i] != (char)i)
			unit_ok = false;
	buf_free(&b);
}

TEST(the_front_can_be_dropped)
{
	struct buf b = { 0 };

	buf_drop(&b, 1);
	buf_str(&b, "abcdef");
	buf_drop(&b, 0);
	buf_drop(&b, 2);
	CHECK_SLICE(buf_view(&b), S("cdef"));
	buf_drop(&b, 9);
	CHECK(b.n == 0);
	buf_free(&b);
}

TEST(a_c_string_ends_behind_the_content)
{
	struct buf b = { 0 };

	CHECK(strcmp(buf_cstr(&b), "") == 0 && b.n == 0);
	for (int i = 0; i < 64; i++)
		buf_byte(&b, 'a');
	CHECK(strlen(buf_cstr(&b)) == 64 && b.n == 64);
	buf_free(&b);
}

TEST(a_slice_is_cut_and_trimmed)
{
	struct slice s = S("a,b,,c"), word = slice_cut(&s, ',');

	CHECK_SLICE(word, S("a"));
	CHECK_SLICE(slice_cut(&s, ','), S("b"));
	CHECK_SLICE(slice_cut(&s, ','), S(""));
	CHECK_SLICE(slice_cut(&s, ','), S("c"));
	CHECK(s.n == 0 && slice_cut(&s, ',').n == 0);
	CHECK_SLICE(slice_trim(S(" \t a b \r\n")), S("a b"));
	CHECK(slice_trim(S(" ")).n == 0);
	CHECK(slice_starts(S("abc"), S("ab")) && !slice_starts(S("a"), S("ab")) && slice_starts(S(""), S("")));
	CHECK_SLICE(slice_from(S("abc"), 9), S(""));
	CHECK(slice_eq(S(""), (struct slice){ 0 }));
}

int
main(void)
{
	RUN(what_is_added_is_there);
	RUN(formatted_text_of_any_length_fits);
	RUN(single_bytes_grow_it);
	RUN(the_front_can_be_dropped);
	RUN(a_c_string_ends_behind_the_content);
	RUN(a_slice_is_cut_and_trimmed);
	return unit_done();
}
