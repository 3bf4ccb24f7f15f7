#include "js.h"

#include "unit.h"

static const char *const good[] = { "0", "-0", "1e400", "0.1000", " 1 ", "\"\"", "\"a\\u00e9\\n\"",
	"[]", "[ ]", "{}", "{ }", "[1,[2,{\"a\":[]}],\"x\"]", "{\"a\":1,\"a\":2}", "true", "null\n",
	"\"\\ud800\"", "\"\xc3\xa9\"", "9007199254740993", "{\"a\" : [ 1 , 2 ] , \"b\" : { } }" };

static const char *const bad[] = { "", " ", "01", "-", "+1", ".5", "1.", "1e", "1e+", "NaN", "nul",
	"tru", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\t\"", "[", "[1", "[1,", "[1,]", "[,1]", "{",
	"{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:2}", "[1}", "{\"a\":1]",
	"1 2", "[] x", "\xef\xbb\xbf" "1", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"",
	"\"\xe2\x82\"", "'a'", "/**/1", "]", "}", ",", ":" };

TEST(valid_text_is_accepted_up_to_the_last_byte)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (!js_valid(unit_guard(slice_str(good[i])), NULL))
			printf("# refused: %s\n", good[i]), unit_ok = false;
	}
}

TEST(invalid_text_is_refused_without_reading_on)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct js_error e = { 0 };

		if (js_valid(unit_guard(slice_str(bad[i])), &e) || !e.why || e.at > strlen(bad[i]))
			printf("# accepted or unexplained: %s\n", bad[i]), unit_ok = false;
	}
}

TEST(every_truncation_of_an_object_is_refused)
{
	struct slice all = S("{\"a\":[1.5e3,true,{\"b\":\"x\\u0041\\\\y\"}],\"c\":null}");
	struct js_member m[4];

	CHECK(js_object(unit_guard(all), m, 4, NULL) == 2);
	for (size_t n = 0; n < all.n; n++) {
		CHECK(!js_valid(unit_guard(slice_of(all.p, n)), NULL));
		CHECK(js_object(unit_guard(slice_of(all.p, n)), m, 4, NULL) == -1);
	}
}

TEST(nesting_is_limited)
{
	char deep[2 * JS_DEPTH + 4];

	memset(deep, '[', JS_DEPTH);
	memset(deep + JS_DEPTH, ']', JS_DEPTH);
	CHECK(js_valid(slice_of(deep, 2 * JS_DEPTH), NULL));
	memset(deep, '[', JS_DEPTH + 1);
	memset(deep + JS_DEPTH + 1, ']', JS_DEPTH + 1);
	CHECK(!js_valid(slice_of(deep, 2 * JS_DEPTH + 2), NULL));
}

TEST(an_object_is_split_into_members)
{
	struct js_member m[3];
	struct js_error e;

	CHECK(js_object(S(" {\"a\" : [1, 2] ,\"b\\\"\":\"x\"} "), m, 3, &e) == 2);
	CHECK_SLICE(m[0].key, S("a"));
	CHECK_SLICE(m[0].val, S("[1, 2]"));
	CHECK_SLICE(m[1].key, S("b\\\""));
	CHECK_SLICE(m[1].val, S("\"x\""));
	CHECK(js_object(S("{\"a\":1,\"b\":2}"), m, 1, &e) == -1);
	CHECK(js_object(S("[]"), m, 1, &e) == -1 && !strcmp(e.why, "not a JSON object"));
	CHECK(js_object(S("{} {}"), m, 1, &e) == -1 && e.at == 3);
}

TEST(members_are_found_by_name_and_path)
{
	struct slice o = S("{\"a\":1,\"d\":{\"x\":{\"y\":[7]}},\"\\u0061b\":\"z\",\"a\":2}");

	CHECK_SLICE(js_get(o, S("a")), S("2"));
	CHECK_SLICE(js_get(o, S("ab")), S("\"z\""));
	CHECK_SLICE(js_path(o, S("d.x.y")), S("[7]"));
	CHECK(js_path(o, S("d.q.y")).n == 0);
	CHECK(js_path(o, S("a.b")).n == 0);
}

TEST(arrays_are_walked)
{
	struct slice k, v;
	struct js_walk w = js_walk(S("[ 1 , \"a,]\" , {\"b\":[2]} , [ ] ]"));

	CHECK(js_next(&w, &k, &v));
	CHECK_SLICE(v, S("1"));
	CHECK(js_next(&w, &k, &v));
	CHECK_SLICE(v, S("\"a,]\""));
	CHECK(js_next(&w, &k, &v));
	CHECK_SLICE(v, S("{\"b\":[2]}"));
	CHECK(js_next(&w, &k, &v));
	CHECK_SLICE(v, S("[ ]"));
	CHECK(!js_next(&w, &k, &v));
}

TEST(strings_decode)
{
	struct buf b = { 0 };

	CHECK_SLICE(js_text(S("\"plain\""), &b), S("plain"));
	CHECK_SLICE(js_text(S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), &b), S("\"\\/\b\f\n\r\t\xc3\xa9"));
	CHECK_SLICE(js_text(S("\"\\ud83d\\ude00\""), &b), S("\xf0\x9f\x98\x80"));
	CHECK_SLICE(js_text(S("\"\\ud83dx\""), &b), S("\xef\xbf\xbdx"));
	CHECK_SLICE(js_text(S("\"a\\u0000b\""), &b), S("a\0b"));
	CHECK(js_text(S("12"), &b).p == NULL);
	buf_free(&b);
}

TEST(numbers_convert_only_when_they_fit)
{
	int64_t i;
	double d;

	CHECK(js_int(S("-9223372036854775808"), &i) && i == INT64_MIN);
	CHECK(!js_int(S("9223372036854775808"), &i));
	CHECK(!js_int(S("1.0"), &i) && !js_int(S("1e3"), &i) && !js_int(S("\"1\""), &i));
	CHECK(js_double(S("1.5e3"), &d) && d == 1500);
}

TEST(values_one_after_another_are_taken_in_turn)
{
	struct slice rest = unit_guard(S(" 1\t\"a b\"{\"c\":\n[2]}[] tru")), v;
	static const char *const want[] = { "1", "\"a b\"", "{\"c\":\n[2]}", "[]" };
	struct js_error e = { 0 };

	for (size_t i = 0; i < 4; i++) {
		size_t n = js_first(rest, &v, &e);

		CHECK(n > 0);
		CHECK_SLICE(v, slice_str(want[i]));
		rest = slice_from(rest, n);
	}
	CHECK(js_first(rest, &v, &e) == 0 && e.at == 0);
	CHECK(js_first(S(" "), &v, &e) == 0);
}

TEST(strings_are_written_escaped)
{
	struct buf b = { 0 };

	js_put_string(&b, S("a\"\\\n\x01\xc3\xa9\xff\0z"));
	CHECK_SLICE(buf_view(&b), S("\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\\u0000z\""));
	CHECK(js_valid(buf_view(&b), NULL));
	buf_clear(&b);
	js_put_flat(&b, S("{\r\n\"a\":\n1}"));
	CHECK_SLICE(buf_view(&b), S("{  \"a\": 1}"));
	buf_free(&b);
}

int
main(void)
{
	RUN(valid_text_is_accepted_up_to_the_last_byte);
	RUN(invalid_text_is_refused_without_reading_on);
	RUN(every_truncation_of_an_object_is_refused);
	RUN(nesting_is_limited);
	RUN(an_object_is_split_into_members);
	RUN(members_are_found_by_name_and_path);
	RUN(arrays_are_walked);
	RUN(strings_decode);
	RUN(numbers_convert_only_when_they_fit);
	RUN(values_one_after_another_are_taken_in_turn);
	RUN(strings_are_written_escaped);
	return unit_done();
}
