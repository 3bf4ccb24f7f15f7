/* jqval and jqx: libjq with digits kept, groups of programs, limits. */
#include "jqx.h"

#include "js.h"
#include "jqval.h"
#include "unit.h"

/* The value of `text`, printed. */
static struct slice
again(struct slice text)
{
	static struct buf b;
	jv v = jqval_read(unit_guard(text));

	buf_clear(&b);
	CHECK(jqval_put(&b, v));
	jv_free(v);
	jqval_release();
	return buf_view(&b);
}

TEST(a_value_that_is_not_touched_is_printed_as_it_was_read)
{
	static const char *const texts[] = {
		"{}", "[]", "null", "true", "false", "\"\"", "0", "-0", "0.0", "-0.1000", "1e400", "-1E-400",
		"9007199254740993", "123456789012345", "-123456789012345", "1234567890123456",
		"123456789012345678901234567890.5", "[1, 2 ,\t3]", "{\"b\":1,\"a\":2,\"b\":3}",
		"\"\\u0000\"", "{ \"a\" : [ { } ] }", "[\"\\ud83d\\ude00\"]",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK_SLICE(again(slice_str(texts[i])), slice_str(texts[i]));
}

TEST(white_space_around_a_value_goes_and_line_ends_in_it_become_blanks)
{
	CHECK_SLICE(again(S(" \t[1,\n\r2] ")), S("[1,  2]"));
}

TEST(strings_are_decoded_and_encoded)
{
	CHECK_SLICE(again(S("\"\\u00e9\\/\\n\\ud800\"")), S("\"\xc3\xa9/\\n\xef\xbf\xbd\""));
}

static bool
equal(const char *x, const char *y)
{
	char text[256];
	jv pair, a, b;
	bool same;

	snprintf(text, sizeof(text), "[%s,%s]", x, y);
	pair = jqval_read(slice_str(text));
	a = jv_array_get(jv_copy(pair), 0);
	b = jv_array_get(pair, 1);
	same = jv_equal(jv_copy(a), jv_copy(b));
	CHECK(same == (jv_cmp(jv_copy(a), jv_copy(b)) == 0));
	CHECK(jv_equal(jv_copy(b), jv_copy(a)) == same);
	jv_free(a);
	jv_free(b);
	jqval_release();
	return same;
}

TEST(numbers_that_were_read_are_compared_as_decimals)
{
	static const struct {
		const char *a, *b;
		bool same;
	} t[] = {
		{ "1", "1.0", true }, { "100", "1e2", true }, { "0.001", "1E-3", true },
		{ "10.50", "1050e-2", true }, { "-0", "0", true }, { "0.0", "0e9", true },
		{ "9007199254740993", "9007199254740992", false },
		{ "9007199254740993", "9007199254740993.0", true },
		{ "9007199254740993", "900719925474099.3e1", true },
		{ "9007199254740993", "9007199254740993.00001", false },
		{ "1e400", "1e401", false }, { "1e400", "10e399", true },
		{ "-1e400", "1e400", false }, { "1e-400", "1e-401", false },
		{ "1e-400", "-1e-400", false },
		{ "12345678901234567890", "12345678901234567891", false },
		{ "[9007199254740993]", "[9007199254740992]", false },
		{ "[9007199254740993,[]]", "[9007199254740993,[]]", true },
		{ "{\"a\":9007199254740993}", "{\"a\":9007199254740992}", false },
		{ "{\"a\":9007199254740993,\"b\":1}", "{\"b\":1,\"a\":9007199254740993}", true },
		{ "{\"a\":1}", "{\"b\":1}", false }, { "[1]", "[1,2]", false }, { "\"1\"", "1", false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		CHECK(equal(t[i].a, t[i].b) == t[i].same);
		if (!unit_ok) {
			printf("# %s and %s\n", t[i].a, t[i].b);
			return;
		}
	}
}

TEST(numbers_that_are_one_double_are_in_the_order_of_their_digits)
{
	static const char *const rising[] = {
		"-9007199254740993", "-9007199254740992", "9007199254740992", "9007199254740992.5",
		"9007199254740993", "1e400", "1.5e400", "1e401",
	};

	for (size_t i = 0; i + 1 < sizeof(rising) / sizeof(*rising); i++) {
		char text[128];
		jv pair, a, b;

		snprintf(text, sizeof(text), "[%s,%s]", rising[i], rising[i + 1]);
		pair = jqval_read(slice_str(text));
		a = jv_array_get(jv_copy(pair), 0);
		b = jv_array_get(pair, 1);
		CHECK(jv_cmp(jv_copy(a), jv_copy(b)) < 0);
		CHECK(jv_cmp(b, a) > 0);
		jqval_release();
	}
}

TEST(a_changed_value_is_not_taken_for_the_one_that_was_read)
{
	struct slice text = S("{\"a\":[1.0,2,3],\"b\":{\"c\":1e400}}");
	jv v = jqval_read(text), a = jv_object_get(jv_copy(v), jv_string("a"));
	struct buf b = { 0 };

	CHECK_SLICE(jqval_source(v), text);
	CHECK_SLICE(jqval_source(a), S("[1.0,2,3]"));
	a = jv_array_slice(a, 0, 2);
	CHECK(jqval_source(a).n == 0);
	v = jv_object_set(v, jv_string("a"), a);
	CHECK(jqval_source(v).n == 0);
	CHECK(jqval_put(&b, v));
	CHECK_SLICE(buf_view(&b), S("{\"a\":[1.0,2],\"b\":{\"c\":1e400}}"));
	jv_free(v);
	buf_free(&b);
	jqval_release();
}

TEST(many_objects_are_told_apart)
{
	struct buf text = { 0 }, b = { 0 };
	jv v;

	buf_byte(&text, '[');
	for (int i = 0; i < 5000; i++)
		buf_fmt(&text, "%s{\"n\": %d.50}", i ? "," : "", i);
	buf_byte(&text, ']');
	v = jqval_read(buf_view(&text));
	for (int i = 0; i < 5000; i += 7) {
		jv e = jv_array_get(jv_copy(v), i);
		char want[32];

		snprintf(want, sizeof(want), "{\"n\": %d.50}", i);
		CHECK_SLICE(jqval_source(e), slice_str(want));
		jv_free(e);
	}
	CHECK(jqval_put(&b, v));
	CHECK_SLICE(buf_view(&b), buf_view(&text));
	jv_free(v);
	jqval_release();
	CHECK_SLICE(again(S("[[1.0],{}]")), S("[[1.0],{}]"));
	buf_free(&text);
	buf_free(&b);
}

TEST(a_value_of_the_next_document_does_not_print_with_the_old_digits)
{
	jv v = jqval_read(S("[9007199254740993]")), n = jv_array_get(v, 0);
	struct buf b = { 0 };

	v = jqval_read(S("[1.50]"));
	CHECK(jqval_put(&b, n));
	CHECK_SLICE(buf_view(&b), S("9007199254740992"));
	jv_free(n);
	jv_free(v);
	jqval_release();
	buf_free(&b);
}

TEST(a_value_that_is_too_deep_is_not_printed)
{
	struct buf b = { 0 };
	jv v = jv_array();

	for (int i = 1; i < JS_DEPTH; i++)
		v = jv_array_append(jv_array(), v);
	CHECK(jqval_put(&b, v));
	CHECK(b.n == 2 * JS_DEPTH);
	v = jv_array_append(jv_array(), v);
	CHECK(!jqval_put(&b, v));
	jv_free(v);
	buf_free(&b);
}

/* --- programs --- */

static char reported[512];

static void
report(void *ctx, struct slice file, unsigned line, unsigned column, struct slice why)
{
	(void)ctx;
	snprintf(reported, sizeof(reported), "%.*s:%u:%u: %.*s", (int)file.n, file.p, line, column,
	    (int)why.n, why.p);
}

static struct jqx *
group(const char *const *programs, unsigned n)
{
	struct buf source = { 0 };
	jv args = jv_object_set(jv_object(), jv_string("x"), jqval_constant(S("[9007199254740993]")));
	struct jqx *x;

	jqx_put_prelude(&source);
	for (unsigned i = 0; i < n; i++) {
		jqx_put_entry(&source, i);
		buf_fmt(&source, "\n%s\n", programs[i]);
		jqx_put_end(&source);
	}
	jqx_put_choice(&source, n);
	x = jqx_compile(&(struct jqx_setup){ .source = buf_view(&source), .entries = n, .args = args,
	    .origin = ".", .report = report });
	jv_free(args);
	buf_free(&source);
	return x;
}

static bool
collect(void *ctx, jv v)
{
	struct buf *b = ctx;

	CHECK(jqval_put(b, v));
	buf_byte(b, '\n');
	jv_free(v);
	return b->n < 100;
}

TEST(each_entry_of_a_group_is_run_by_its_number)
{
	const char *programs[JQX_ENTRIES];
	char text[JQX_ENTRIES][32];

	for (unsigned n = 1; n <= JQX_ENTRIES; n += n < 5 ? 1 : 9) {
		struct jqx *x;

		for (unsigned i = 0; i < n; i++) {
			snprintf(text[i], sizeof(text[i]), "[., %u]", i);
			programs[i] = text[i];
		}
		x = group(programs, n);
		CHECK(x != NULL);
		for (unsigned i = 0; x && i < n; i++) {
			struct buf out = { 0 }, why = { 0 };
			char want[32];

			snprintf(want, sizeof(want), "[1.0,%u]\n", i);
			CHECK(jqx_run(x, i, jqval_read(S("1.0")), collect, &out, &why) == JQX_DONE);
			CHECK_SLICE(buf_view(&out), slice_str(want));
			CHECK(!why.n);
			buf_free(&out);
			buf_free(&why);
		}
		jqx_free(x);
	}
	jqval_release();
}

TEST(a_run_ends_with_what_happened)
{
	static const char *const programs[] = {
		"1, error(\"no\")", "error({a: 1})", "repeat(1)", "def f: f; f", "$x[0]", "empty",
		"input", "[limit(3; repeat(last_word))]",
	};
	static const struct {
		enum jqx_end end;
		const char *out, *why;
	} want[] = {
		{ JQX_ERROR, "1\n", "no" },
		{ JQX_ERROR, "", "{\"a\":1}" },
		{ JQX_STOPPED, NULL, "" },
		{ JQX_TIMEOUT, "", "" },
		{ JQX_DONE, "9007199254740993\n", "" },
		{ JQX_DONE, "", "" },
		{ JQX_ERROR, "", "input is not available in routes" },
		{ JQX_DONE, "[\"b\",\"b\",\"b\"]\n", "" },
	};
	unsigned n = sizeof(programs) / sizeof(*programs);
	struct jqx *x = group(programs, n);

	CHECK(x != NULL);
	jqx_limit(20, 0, NULL);
	/* Twice, since a run must leave nothing behind that changes the next. */
	for (unsigned i = 0; x && i < 2 * n; i++) {
		struct buf out = { 0 }, why = { 0 };

		CHECK(jqx_run(x, i % n, jqval_read(S("\"a.b\"")), collect, &out, &why) == want[i % n].end);
		if (want[i % n].out)
			CHECK_SLICE(buf_view(&out), slice_str(want[i % n].out));
		CHECK_SLICE(buf_view(&why), slice_str(want[i % n].why));
		buf_free(&out);
		buf_free(&why);
	}
	jqx_limit(0, 0, NULL);
	jqx_free(x);
	jqval_release();
}

TEST(a_mistake_is_told_with_its_place)
{
	CHECK(!group((const char *[]){ ".", " . | nope(1)" }, 2));
	CHECK_SLICE(slice_str(reported), S(":4:6: nope/1 is not defined"));
	CHECK(!group((const char *[]){ "{a: 1 2}" }, 1));
	CHECK_SLICE(slice_str(reported), S(":2:7: syntax error, unexpected LITERAL, expecting '}'"));
}

int
main(void)
{
	const char *why = jqx_init();

	if (why) {
		printf("Bail out! %s\n", why);
		return 1;
	}
	RUN(a_value_that_is_not_touched_is_printed_as_it_was_read);
	RUN(white_space_around_a_value_goes_and_line_ends_in_it_become_blanks);
	RUN(strings_are_decoded_and_encoded);
	RUN(numbers_that_were_read_are_compared_as_decimals);
	RUN(numbers_that_are_one_double_are_in_the_order_of_their_digits);
	RUN(a_changed_value_is_not_taken_for_the_one_that_was_read);
	RUN(many_objects_are_told_apart);
	RUN(a_value_of_the_next_document_does_not_print_with_the_old_digits);
	RUN(a_value_that_is_too_deep_is_not_printed);
	RUN(each_entry_of_a_group_is_run_by_its_number);
	RUN(a_run_ends_with_what_happened);
	RUN(a_mistake_is_told_with_its_place);
	return unit_done();
}
