#include "base64.h"

#include "unit.h"

/* RFC 4648 section 10. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xff\xef\xbe", "/+++" },
};

TEST(the_vectors_of_the_rfc_hold)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct slice bytes = slice_str(vectors[i].bytes), text = slice_str(vectors[i].text);
		struct buf b = { 0 };

		base64_put(&b, unit_guard(bytes));
		CHECK_SLICE(buf_view(&b), text);
		buf_clear(&b);
		CHECK(base64_get(&b, unit_guard(text)) == 0);
		CHECK_SLICE(buf_view(&b), bytes);
		buf_free(&b);
	}
}

TEST(every_length_comes_back)
{
	char bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 37 + 250);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct buf text = { 0 }, back = { 0 };

		base64url_put(&text, unit_guard(slice_of(bytes, n)));
		CHECK(slice_find(buf_view(&text), '=') == text.n);
		CHECK(base64url_get(&back, unit_guard(buf_view(&text))) == 0);
		CHECK_SLICE(buf_view(&back), slice_of(bytes, n));
		buf_clear(&text);
		buf_clear(&back);
		base64_put(&text, slice_of(bytes, n));
		CHECK(base64_get(&back, unit_guard(buf_view(&text))) == 0);
		CHECK_SLICE(buf_view(&back), slice_of(bytes, n));
		buf_free(&text);
		buf_free(&back);
	}
}

TEST(one_sequence_of_bytes_has_one_spelling)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Zm9vY===",
		"====", "=", "Zg==Zg==", "Z=g=", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9-", "Zm9_", "Zm9v====",
		"Zm9v=", "\xc3\xa9" "AA" };
	static const char *const bad_url[] = { "Z", "Zh", "Zm9", "Zg==", "Zm+v", "Zm/v", "Zm9v.", "Zg\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf b = { 0 };

		buf_byte(&b, 'x');
		if (base64_get(&b, unit_guard(slice_str(bad[i]))) != -1 || b.n != 1)
			printf("# accepted: %s\n", bad[i]), unit_ok = false;
		buf_free(&b);
	}
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(*bad_url); i++) {
		struct buf b = { 0 };

		if (base64url_get(&b, unit_guard(slice_str(bad_url[i]))) != -1 || b.n != 0)
			printf("# accepted: %s\n", bad_url[i]), unit_ok = false;
		buf_free(&b);
	}
	struct buf b = { 0 };

	CHECK(base64_get(&b, S("Zm\0v")) == -1);
	buf_free(&b);
}

int
main(void)
{
	RUN(the_vectors_of_the_rfc_hold);
	RUN(every_length_comes_back);
	RUN(one_sequence_of_bytes_has_one_spelling);
	return unit_done();
}
