/* Tables and properties of AMQP, wire to JSON and back. */
#include "amqpprops.h"
#include "amqptable.h"
#include "unit.h"

/* The content of a table in hexadecimal, and its JSON. Both directions must agree. */
static const struct {
	const char *wire, *json;
} same[] = {
	{ "", "{}" },
	{ "0161 7401", "{\"a\":true}" },
	{ "0161 7400", "{\"a\":false}" },
	{ "0161 56", "{\"a\":null}" },
	{ "0161 4900000007", "{\"a\":7}" },
	{ "0161 4980000000", "{\"a\":-2147483648}" },
	{ "0161 6c0000000000000007", "{\"a\":{\"!int64\":7}}" },
	{ "0161 6c0000000080000000", "{\"a\":2147483648}" },
	{ "0161 6c7fffffffffffffff", "{\"a\":9223372036854775807}" },
	{ "0161 6c8000000000000000", "{\"a\":-9223372036854775808}" },
	{ "0161 6280", "{\"a\":{\"!int8\":-128}}" },
	{ "0161 42ff", "{\"a\":{\"!uint8\":255}}" },
	{ "0161 73ffff", "{\"a\":{\"!int16\":-1}}" },
	{ "0161 75ffff", "{\"a\":{\"!uint16\":65535}}" },
	{ "0161 69ffffffff", "{\"a\":{\"!uint32\":4294967295}}" },
	{ "0161 4cffffffffffffffff", "{\"a\":{\"!uint64\":18446744073709551615}}" },
	{ "0161 5400000000654e1d00", "{\"a\":{\"!timestamp\":1699618048}}" },
	{ "0161 663fc00000", "{\"a\":{\"!float\":1.5}}" },
	{ "0161 663dcccccd", "{\"a\":{\"!float\":0.1}}" },
	{ "0161 667f800000", "{\"a\":{\"!float\":\"0x7f800000\"}}" },
	{ "0161 643ff8000000000000", "{\"a\":1.5}" },
	{ "0161 643fb999999999999a", "{\"a\":0.1}" },
	{ "0161 644008000000000000", "{\"a\":3.0}" },
	{ "0161 648000000000000000", "{\"a\":-0.0}" },
	{ "0161 64ffefffffffffffff", "{\"a\":-1.7976931348623157e+308}" },
	{ "0161 647ff0000000000000", "{\"a\":{\"!double\":\"0x7ff0000000000000\"}}" },
	{ "0161 647ff8000000000001", "{\"a\":{\"!double\":\"0x7ff8000000000001\"}}" },
	{ "0161 440200000096", "{\"a\":{\"!decimal\":\"1.50\"}}" },
	{ "0161 440000000096", "{\"a\":{\"!decimal\":\"150\"}}" },
	{ "0161 440300000005", "{\"a\":{\"!decimal\":\"0.005\"}}" },
	{ "0161 4400ffffffff", "{\"a\":{\"!decimal\":\"4294967295\"}}" },
	{ "0161 5300000000", "{\"a\":\"\"}" },
	{ "0161 5300000002c3a9", "{\"a\":\"\303\251\"}" },
	{ "0161 530000000161 0161 56", "{\"a\":\"a\",\"a\":null}" },
	{ "0161 5300000002c328", "{\"a\":{\"!string\":\"wyg=\"}}" },
	{ "0161 780000000100", "{\"a\":{\"!bytes\":\"AA==\"}}" },
	{ "0161 4600000000", "{\"a\":{}}" },
	{ "0161 46000000050162 427f00", NULL }, /* a byte too many in the inner table */
	{ "0161 4600000004 0162 427f", "{\"a\":{\"b\":{\"!uint8\":127}}}" },
	{ "0161 4100000000", "{\"a\":[]}" },
	{ "0161 4100000006 7401 4900 000007", NULL }, /* the array ends within a number */
	{ "0161 4100000007 7401 4900000007", "{\"a\":[true,7]}" },
	/* What would be taken for a typed value is escaped. */
	{ "0161 4600000005 022178 7401", "{\"a\":{\"!table\":{\"!x\":true}}}" },
	{ "022178 7401", "{\"!table\":{\"!x\":true}}" },
	{ "022178 7401 0162 56", "{\"!x\":true,\"b\":null}" },
	/* What cannot be told is kept as it is. */
	{ "0161 7a", "{\"!raw\":\"AWF6\"}" },
	{ "0161 7402", "{\"!raw\":\"AWF0Ag==\"}" },
	{ "01ff 56", "{\"!raw\":\"Af9W\"}" },
	{ "0161 53ffffffff61", "{\"!raw\":\"AWFT/////2E=\"}" },
	{ "05", "{\"!raw\":\"BQ==\"}" },
};

static struct slice
unhex(const char *text, struct buf *b)
{
	unsigned v;

	buf_clear(b);
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		sscanf(text, "%2x", &v);
		buf_byte(b, (char)v);
		text++;
	}
	return buf_view(b);
}

TEST(each_type_is_the_same_after_wire_to_json_to_wire)
{
	struct buf bytes = { 0 }, json = { 0 }, back = { 0 };

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct slice wire = unhex(same[i].wire, &bytes);
		const char *why = NULL;

		buf_clear(&json);
		buf_clear(&back);
		amqptable_to_json(&json, unit_guard(wire));
		CHECK(js_valid(buf_view(&json), NULL));
		if (same[i].json)
			CHECK_SLICE(buf_view(&json), slice_str(same[i].json));
		CHECK(amqptable_from_json(&back, unit_guard(buf_view(&json)), &why) == 0);
		CHECK_SLICE(slice_from(buf_view(&back), 4), wire);
		CHECK(back.n >= 4 && (unsigned char)back.p[3] == wire.n);
	}
	buf_free(&bytes);
	buf_free(&json);
	buf_free(&back);
}

TEST(nesting_has_a_limit_and_is_kept_raw_beyond)
{
	struct buf wire = { 0 }, json = { 0 }, back = { 0 };
	const char *why;

	for (int depth = AMQPTABLE_DEPTH - 1; depth <= AMQPTABLE_DEPTH + 1; depth++) {
		buf_clear(&wire);
		buf_clear(&json);
		buf_clear(&back);
		for (int i = 0; i < depth; i++) {
			uint32_t left = (uint32_t)(7 * (depth - i - 1));

			buf_add(&wire, "\1aF", 3);
			for (int k = 24; k >= 0; k -= 8)
				buf_byte(&wire, (char)(left >> k));
		}
		amqptable_to_json(&json, unit_guard(buf_view(&wire)));
		CHECK((js_get(buf_view(&json), S("!raw")).n > 0) == (depth > AMQPTABLE_DEPTH));
		CHECK(amqptable_from_json(&back, buf_view(&json), &why) == 0);
		CHECK_SLICE(slice_from(buf_view(&back), 4), buf_view(&wire));
	}
	buf_free(&wire);
	buf_free(&json);
	buf_free(&back);
}

TEST(what_no_type_can_hold_is_refused_and_nothing_is_written)
{
	static const char *const bad[] = {
		"[]", "7", "{\"a\":{\"!what\":1}}", "{\"a\":{\"!int8\":128}}", "{\"a\":{\"!int8\":1.0}}",
		"{\"a\":{\"!uint8\":-1}}", "{\"a\":{\"!uint64\":18446744073709551616}}",
		"{\"a\":{\"!timestamp\":\"1\"}}", "{\"a\":{\"!decimal\":1.5}}",
		"{\"a\":{\"!decimal\":\"1.\"}}", "{\"a\":{\"!decimal\":\".5\"}}",
		"{\"a\":{\"!decimal\":\"-1\"}}", "{\"a\":{\"!decimal\":\"4294967296\"}}",
		"{\"a\":{\"!bytes\":\"A\"}}", "{\"a\":{\"!bytes\":1}}", "{\"a\":{\"!float\":1e300}}",
		"{\"a\":{\"!double\":\"0x7FF0000000000000\"}}", "{\"a\":{\"!double\":\"nan\"}}",
		"{\"a\":1e400}", "{\"a\":9223372036854775808}", "{\"a\":{\"!table\":1}}",
		"{\"!raw\":\"A\"}", "{\"!x\":1}",
	};
	struct buf out = { 0 };
	const char *why;

	buf_byte(&out, 'x');
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		why = NULL;
		if (amqptable_from_json(&out, unit_guard(slice_str(bad[i])), &why) == 0)
			printf("# taken: %s\n", bad[i]);
		CHECK(why && out.n == 1);
	}
	buf_free(&out);
}

TEST(defaults_fill_only_what_is_missing)
{
	struct buf out = { 0 }, json = { 0 };
	const char *why;

	CHECK(amqptable_merge(&out, S("{\"a\":1}"), S("{\"a\":2,\"b\":3}"), &why) == 0);
	amqptable_to_json(&json, slice_from(buf_view(&out), 4));
	CHECK_SLICE(buf_view(&json), S("{\"a\":1,\"b\":3}"));
	buf_free(&out);
	buf_free(&json);
}

TEST(all_properties_come_back_as_they_were)
{
	static const char wire[] = "\xff\xfc" "\1a" "\0" "\0\0\0\3\1aV" "\2" "\377" "\1b" "\2\303\251"
		"\1d" "\1e" "\377\377\377\377\377\377\377\377" "\1f" "\1g" "\1h" "\2\xff\xfe";
	struct slice all = { wire, sizeof(wire) - 1 };
	struct buf json = { 0 }, back = { 0 };
	struct amqpprops p = { 0 };
	const char *why = "";

	buf_byte(&json, '{');
	CHECK(amqpprops_to_json(&json, unit_guard(all)) == 0);
	buf_byte(&json, '}');
	CHECK_SLICE(buf_view(&json), S("{\"headers\":{\"a\":null},\"properties\":{\"content_type\":\"a\","
		"\"content_encoding\":\"\",\"delivery_mode\":2,\"priority\":255,\"correlation_id\":\"b\","
		"\"reply_to\":\"\303\251\",\"expiration\":\"d\",\"message_id\":\"e\","
		"\"timestamp\":18446744073709551615,\"type\":\"f\",\"user_id\":\"g\",\"app_id\":\"h\","
		"\"cluster_id\":{\"!string\":\"//4=\"}}}"));
	CHECK(amqpprops_read(js_get(buf_view(&json), S("properties")), &p, &why) == 0);
	p.json[PROP_HEADERS] = js_get(buf_view(&json), S("headers"));
	CHECK(amqpprops_to_wire(&back, &p, (struct slice){ 0 }, &why) == 0);
	CHECK_SLICE(buf_view(&back), all);
	/* Every shorter list is malformed, and read without going behind its end. */
	for (size_t n = 0; n < all.n; n++) {
		buf_clear(&json);
		CHECK(amqpprops_to_json(&json, unit_guard(slice_of(all.p, n))) == -1 && !json.n);
	}
	buf_free(&json);
	buf_free(&back);
}

TEST(properties_of_the_wrong_type_are_refused)
{
	static const char *const bad[] = {
		"[]", "{\"content_typ\":\"a\"}", "{\"headers\":{}}", "{\"content_type\":1}",
		"{\"delivery_mode\":256}", "{\"priority\":-1}", "{\"priority\":\"1\"}",
		"{\"timestamp\":1.5}", "{\"timestamp\":18446744073709551616}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct amqpprops p = { 0 };
		struct buf out = { 0 };
		const char *why = NULL;

		if (amqpprops_read(slice_str(bad[i]), &p, &why) == 0
			&& amqpprops_to_wire(&out, &p, (struct slice){ 0 }, &why) == 0)
			printf("# taken: %s\n", bad[i]);
		CHECK(why && !out.n);
		buf_free(&out);
	}
}

int
main(void)
{
	RUN(each_type_is_the_same_after_wire_to_json_to_wire);
	RUN(nesting_has_a_limit_and_is_kept_raw_beyond);
	RUN(what_no_type_can_hold_is_refused_and_nothing_is_written);
	RUN(defaults_fill_only_what_is_missing);
	RUN(all_properties_come_back_as_they_were);
	RUN(properties_of_the_wrong_type_are_refused);
	return unit_done();
}
