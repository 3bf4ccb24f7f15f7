#include "rec.h"

#include "unit.h"

static struct buf out;

static struct slice
payload(struct slice body, enum rec_form form, bool binary)
{
	buf_clear(&out);
	buf_byte(&out, '{');
	rec_put_payload(&out, unit_guard(body), form, binary);
	buf_byte(&out, '}');
	return buf_view(&out);
}

TEST(a_body_takes_the_form_that_fits_it)
{
	CHECK_SLICE(payload(S("{\"a\": 1e400}"), REC_AUTO, false), S("{\"data\":{\"a\": 1e400}}"));
	CHECK_SLICE(payload(S(" [1,\r\n2]\n"), REC_AUTO, false), S("{\"data\":[1,  2]}"));
	CHECK_SLICE(payload(S("hello"), REC_AUTO, false), S("{\"text\":\"hello\"}"));
	CHECK_SLICE(payload(S(""), REC_AUTO, false), S("{\"text\":\"\"}"));
	CHECK_SLICE(payload(S("\xff"), REC_AUTO, false), S("{\"base64\":\"/w==\"}"));
	CHECK_SLICE(payload(S("1"), REC_AUTO, true), S("{\"base64\":\"MQ==\"}"));
	CHECK_SLICE(payload(S("1"), REC_TEXT, false), S("{\"text\":\"1\"}"));
	CHECK_SLICE(payload(S("\xff"), REC_TEXT, false), S("{\"base64\":\"/w==\"}"));
	CHECK_SLICE(payload(S("1"), REC_BASE64, false), S("{\"base64\":\"MQ==\"}"));
}

static int
read_payload(struct slice line, struct rec_payload *p, const char **why)
{
	struct js_member m[8];
	int n = js_object(unit_guard(line), m, 8, NULL);

	buf_clear(&out);
	*why = NULL;
	return n < 0 ? -2 : rec_payload(m, n, &out, p, why);
}

TEST(a_payload_is_read_in_every_form)
{
	struct rec_payload p;
	const char *why;

	CHECK(read_payload(S("{\"x\":1}"), &p, &why) == 0 && p.kind == REC_NONE);
	CHECK(read_payload(S("{\"data\":[1, 2]}"), &p, &why) == 0 && p.kind == REC_DATA);
	CHECK_SLICE(p.bytes, S("[1, 2]"));
	CHECK(read_payload(S("{\"data\":null}"), &p, &why) == 0 && p.kind == REC_DATA);
	CHECK(read_payload(S("{\"text\":\"a\\nb\"}"), &p, &why) == 0 && p.kind == REC_IS_TEXT);
	CHECK_SLICE(p.bytes, S("a\nb"));
	CHECK(read_payload(S("{\"base64\":\"\\u0041AE\\u003d\"}"), &p, &why) == 0);
	CHECK(p.kind == REC_BINARY);
	CHECK_SLICE(p.bytes, S("\0\1"));
	CHECK(read_payload(S("{\"text\":\"\"}"), &p, &why) == 0 && p.kind == REC_IS_TEXT && !p.bytes.n);
}

TEST(a_wrong_payload_is_explained)
{
	static const char *const bad[] = { "{\"data\":1,\"text\":\"\"}", "{\"data\":1,\"data\":1}",
		"{\"text\":1}", "{\"base64\":null}", "{\"base64\":\"x\"}", "{\"base64\":\"AA\"}",
		"{\"t\\u0065xt\":[]}" };
	struct rec_payload p;
	const char *why;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (read_payload(slice_str(bad[i]), &p, &why) != -1 || !why)
			printf("# accepted or unexplained: %s\n", bad[i]), unit_ok = false;
}

static struct slice
time_text(time_t s, long ns)
{
	buf_clear(&out);
	rec_put_time(&out, (struct timespec){ s, ns });
	return buf_view(&out);
}

TEST(times_are_written_in_utc_with_microseconds)
{
	CHECK_SLICE(time_text(0, 0), S("\"1970-01-01T00:00:00.000000Z\""));
	CHECK_SLICE(time_text(-1, 999999999), S("\"1969-12-31T23:59:59.999999Z\""));
	CHECK_SLICE(time_text(1796898600, 1999), S("\"2026-12-10T10:30:00.000001Z\""));
	CHECK_SLICE(time_text(1796898600, 5000), S("\"2026-12-10T10:30:00.000005Z\""));
	CHECK_SLICE(time_text(INT64_MAX, 1), S("\"9999-12-31T23:59:59.000000Z\""));
	CHECK_SLICE(time_text(INT64_MIN, 1), S("\"0000-01-01T00:00:00.000000Z\""));
}

TEST(times_are_read_with_any_offset)
{
	static const struct {
		const char *text;
		time_t s;
		long ns;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 }, { "1970-01-01t01:00:00.5+01:00", 0, 500000000 },
		{ "1969-12-31 23:00:00.000000001-01:00", 0, 1 }, { "2024-02-29T00:00:00z", 1709164800, 0 },
		{ "2000-02-29T00:00:00Z", 951782400, 0 }, { "2016-12-31T23:59:60Z", 1483228800, 0 },
		{ "1970-01-01T00:00:00.1234567899Z", 0, 123456789 },
		{ "0000-01-01T00:00:00Z", -62167219200, 0 },
	};
	static const char *const bad[] = { "", "1970", "1970-01-01", "1970-01-01T00:00:00",
		"1970-01-01T00:00Z", "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z",
		"1970-01-32T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"1970-04-31T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
		"1970-01-01T00:00:61Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00",
		"1970-01-01T00:00:00+01", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00Zx",
		"+970-01-01T00:00:00Z", "1970-01-01T00:00:00,5Z" };
	struct timespec t;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (rec_time(unit_guard(slice_str(good[i].text)), &t) || t.tv_sec != good[i].s ||
		    t.tv_nsec != good[i].ns)
			printf("# %s\n", good[i].text), unit_ok = false;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (rec_time(unit_guard(slice_str(bad[i])), &t) != -1)
			printf("# accepted: %s\n", bad[i]), unit_ok = false;
	CHECK(rec_time(S("1970\0" "01-01T00:00:00Z"), &t) == -1);
	CHECK(rec_time(S("1970-01-01T00:00:00\0"), &t) == -1);
}

int
main(void)
{
	RUN(a_body_takes_the_form_that_fits_it);
	RUN(a_payload_is_read_in_every_form);
	RUN(a_wrong_payload_is_explained);
	RUN(times_are_written_in_utc_with_microseconds);
	RUN(times_are_read_with_any_offset);
	buf_free(&out);
	return unit_done();
}
