/* The pure parts of ws-bench. */
#include "../../cmd/ws-bench/agenda.c"
#include "../../cmd/ws-bench/find.c"
#include "../../cmd/ws-bench/handshake.c"
#include "../../cmd/ws-bench/require.c"
#include "../../cmd/ws-bench/stamp.c"
#include "../../cmd/ws-bench/stats.c"
#include "../../cmd/ws-bench/stencil.c"
#include "../../cmd/ws-bench/track.c"

#include "unit.h"

/* --- track --- */

/* Feed numbers; the results as letters: new, late, again, foreign. */
static const char *
tracked(uint32_t base, const uint32_t *seqs, int n)
{
	static char text[256];
	struct track t;

	track_begin(&t, base);
	for (int i = 0; i < n; i++)
		text[i] = "nlaf"[track_add(&t, seqs[i])];
	text[n] = '\0';
	return text;
}

TEST(numbers_in_order_are_new)
{
	CHECK(strcmp(tracked(0, (uint32_t[]){ 0, 1, 2, 3 }, 4), "nnnn") == 0);
}

TEST(a_number_seen_before_is_a_duplicate)
{
	CHECK(strcmp(tracked(0, (uint32_t[]){ 0, 0, 1, 0, 1 }, 5), "nanaa") == 0);
}

TEST(a_number_that_was_overtaken_is_late_once)
{
	CHECK(strcmp(tracked(0, (uint32_t[]){ 0, 2, 1, 1, 3 }, 5), "nnlan") == 0);
}

TEST(numbers_sent_before_the_beginning_do_not_count)
{
	CHECK(strcmp(tracked(10, (uint32_t[]){ 9, 10, 3, 11 }, 4), "fnfn") == 0);
}

TEST(a_gap_at_the_very_beginning_can_still_be_filled)
{
	CHECK(strcmp(tracked(5, (uint32_t[]){ 7, 5, 6, 5 }, 4), "nlla") == 0);
}

TEST(the_window_holds_64_numbers_and_beyond_it_nothing_is_late)
{
	CHECK(strcmp(tracked(0, (uint32_t[]){ 63, 0, 0 }, 3), "nla") == 0);
	CHECK(strcmp(tracked(0, (uint32_t[]){ 64, 0, 1 }, 3), "nal") == 0);
	CHECK(strcmp(tracked(0, (uint32_t[]){ 0, 64, 0, 1 }, 4), "nnal") == 0);
	CHECK(strcmp(tracked(0, (uint32_t[]){ 0, 1000, 999, 0 }, 4), "nnla") == 0);
}

/* --- stamp --- */

TEST(a_stamp_is_found_again_with_all_it_says)
{
	struct stamp in = { 0xabcdef, 0x89abcdef, 0x123456789abcdef0 }, got;
	char text[STAMP_SIZE];
	struct buf b = { 0 };

	stamp_put(text, 0xf00ba2, &in);
	buf_str(&b, "{\"x\":\"~w~waaaaaa~\",\"id\":\"");
	buf_add(&b, text, STAMP_SIZE);
	CHECK(stamp_find(unit_guard(buf_view(&b)), 0xf00ba2, &got));
	CHECK(got.sender == in.sender && got.seq == in.seq && got.due == in.due);
	CHECK(!stamp_find(buf_view(&b), 0xf00ba3, &got));
	for (size_t n = 0; n < b.n; n++)
		CHECK(!stamp_find(unit_guard(slice_of(b.p, n)), 0xf00ba2, &got));
	buf_free(&b);
}

TEST(a_stamp_with_other_signs_in_it_is_none)
{
	struct stamp in = { 1, 2, 3 }, got;
	char text[STAMP_SIZE];

	for (int i = 0; i < STAMP_SIZE; i++) {
		stamp_put(text, 0xabcdef, &in);
		text[i] = i % 2 ? 'q' : '`';
		CHECK(!stamp_find(slice_of(text, STAMP_SIZE), 0xabcdef, &got));
	}
}

/* --- agenda --- */

TEST(the_agenda_gives_its_entries_by_time)
{
	struct agenda a = { 0 };
	uint64_t last = 0;
	uint32_t x = 1;

	for (uint32_t i = 0; i < 1000; i++) {
		x = x * 1664525 + 1013904223;
		agenda_add(&a, x >> 8, i);
	}
	for (int i = 0; i < 1000; i++) {
		CHECK(agenda_first(&a) && agenda_first(&a)->due >= last);
		last = agenda_first(&a)->due;
		agenda_drop(&a);
	}
	CHECK(agenda_first(&a) == NULL);
	agenda_free(&a);
}

/* --- template --- */

static struct slice
filled(const char *text, size_t size)
{
	static struct buf b;
	struct stencil t;
	struct stencil_values v = { .n = 7, .conn = 3, .room = 1, .user = S("u3"), .id = S("ID"),
		.size = size };

	buf_clear(&b);
	stencil_init(&t, slice_str(text));
	stencil_put(&b, &t, &v);
	stencil_free(&t);
	return buf_view(&b);
}

TEST(places_are_filled_in)
{
	CHECK_SLICE(filled("{n} {conn} {user} {room} {id}", 0), S("7 3 u3 1 ID"));
	CHECK_SLICE(filled("{\"n\":{n},\"o\":{}}", 0), S("{\"n\":7,\"o\":{}}"));
	CHECK_SLICE(filled("{{n}}{n", 0), S("{7}{n"));
	CHECK_SLICE(filled("", 0), S(""));
	CHECK(filled("{time}", 0).n == 27);
}

TEST(pad_brings_a_message_to_its_size)
{
	CHECK_SLICE(filled("<{pad}>", 6), S("<xxxx>"));
	CHECK_SLICE(filled("{pad}{n}", 4), S("xxx7"));
	CHECK_SLICE(filled("<{pad}>", 1), S("<>"));
	CHECK_SLICE(filled("no pad", 20), S("no pad"));
}

TEST(an_unknown_word_in_braces_is_found)
{
	CHECK_SLICE(stencil_unknown(S("{\"a\":{n}} {usr} {x}")), S("{usr}"));
	CHECK(stencil_unknown(S("{n}{conn}{user}{room}{time}{id}{pad}{\"a\":{}}")).n == 0);
}

/* --- find --- */

struct search {
	double limit;
	int trials;
};

static enum trial
bears(void *ctx, double load)
{
	struct search *s = ctx;

	s->trials++;
	return load <= s->limit ? TRIAL_MET : TRIAL_NOT_MET;
}

TEST(the_highest_load_is_found_from_any_beginning)
{
	static const double limits[] = { 1, 3, 99, 100, 101, 777, 12345 };

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		for (double start = 1; start < 200000; start *= 7) {
			struct find_range whole = { start, 1, 100000, true };
			struct find_range any = { start, 0.1, 1e9, false };
			struct search s = { limits[i], 0 };
			double best;

			if (start <= whole.most) {
				best = find_max(&whole, bears, &s);
				CHECK(best <= limits[i] && (best + 1 > limits[i] || best * 1.051 >= limits[i]));
			}
			best = find_max(&any, bears, &s);
			CHECK(best <= limits[i] && best * 1.051 >= limits[i]);
			CHECK(s.trials < 80);
		}
}

TEST(a_search_ends_at_the_bounds)
{
	struct search all = { 1e12, 0 }, none = { 0, 0 };
	struct find_range range = { 10, 2, 1000, true };

	CHECK(find_max(&range, bears, &all) == 1000);
	CHECK(find_max(&range, bears, &none) == 0);
}

/* --- require --- */

TEST(requirements_are_parsed_and_judged)
{
	struct stats s = { .all = { .expected = 100, .delivered = 98, .sent = 100 }, .seconds = 2,
		.sent_in_time = 100 };
	struct requirement q;
	double v;
	bool known;

	for (int i = 0; i < 1000; i++)
		hist_add(&s.past.rtt, 1000000 + (uint64_t)i * 1000);
	CHECK(require_parse("rtt.p99<100ms", &q) == NULL && require_met(&q, &s, &v, &known));
	CHECK(known && v > 1.98 && v < 2);
	CHECK(require_parse("rtt.max<=1999us", &q) == NULL && require_met(&q, &s, &v, &known));
	CHECK(require_parse("rtt.p99.9<0.0015s", &q) == NULL && !require_met(&q, &s, &v, &known));
	CHECK(require_parse("lost=0", &q) == NULL && !require_met(&q, &s, &v, &known) && v == 2);
	CHECK(require_parse("lost==2", &q) == NULL && require_met(&q, &s, &v, &known));
	CHECK(require_parse("lost!=2", &q) == NULL && !require_met(&q, &s, &v, &known));
	CHECK(require_parse("sent_rate>=50", &q) == NULL && require_met(&q, &s, &v, &known));
	CHECK(require_parse("sent>99", &q) == NULL && require_met(&q, &s, &v, &known));
	stats_free(&s);
}

TEST(what_was_not_measured_is_not_met)
{
	struct stats s = { 0 };
	struct requirement q;
	double v;
	bool known;

	CHECK(require_parse("delivery.p50<1s", &q) == NULL && !require_met(&q, &s, &v, &known));
	CHECK(!known);
	CHECK(require_parse("lost=0", &q) == NULL && !require_met(&q, &s, &v, &known) && !known);
	CHECK(require_parse("errors=0", &q) == NULL && require_met(&q, &s, &v, &known) && known);
}

TEST(malformed_requirements_are_refused)
{
	static const char *const bad[] = { "", "rtt", "rtt<1ms", "rtt.p99", "rtt.p99<", "rtt.p99<5",
		"rtt.p101<1s", "rtt.p<1s", "rtt.q99<1s", "lost<1ms", "lost=-1", "lost=0x1", "lost=inf",
		"nothing=1", "rtt.p99<1ms ", "rtt.p99=<1ms", "=1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1" };
	struct requirement q;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(require_parse(bad[i], &q) != NULL);
}

TEST(more_kinds_of_errors_than_there_is_room_for_are_counted_together)
{
	struct stats s = { 0 };
	char kind[32];

	for (int i = 0; i < 100; i++) {
		snprintf(kind, sizeof(kind), "kind %d", i);
		stats_error(&s, kind);
		stats_error(&s, "kind 0");
	}
	CHECK(s.nkinds == STATS_KINDS);
	CHECK(s.kinds[0].n == 101 && strcmp(s.kinds[STATS_KINDS - 1].name, "other") == 0);
	CHECK(s.kinds[STATS_KINDS - 1].n == 100 - (STATS_KINDS - 1) && s.all.errors == 200);
}

/* --- handshake --- */

/* The key and the answer of RFC 6455 section 1.3. */
static const unsigned char key[HANDSHAKE_KEY] = "the sample nonce";
static const char start[] = "HTTP/1.1 101 Switching Protocols\r\n";
static const char rest[] = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

static enum handshake_status
checked(const char *a, const char *b, const char *c, struct handshake_answer *answer)
{
	struct handshake h = { .protocol = S("chat") };
	struct buf text = { 0 };
	enum handshake_status status;

	buf_fmt(&text, "%s%s%s\r\nrest", a, b, c);
	status = handshake_check(unit_guard(buf_view(&text)), &h, key, answer);
	buf_free(&text);
	return status;
}

TEST(the_answer_of_the_rfc_is_taken_and_the_rest_left_alone)
{
	struct handshake_answer a;

	CHECK(checked(start, rest, "", &a) == HANDSHAKE_OK);
	CHECK(a.size == sizeof(start) + sizeof(rest) - 2 + 2);
	CHECK(checked(start, "upgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n"
	    "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "X: y:z\r\n", &a) == HANDSHAKE_OK);
	CHECK(checked(start, rest, "Sec-WebSocket-Protocol: chat\r\n", &a) == HANDSHAKE_OK);
}

TEST(an_answer_that_proves_nothing_is_refused)
{
	static const char *const extra[] = { "Upgrade: websocket\r\n", "Connection: Upgrade\r\n",
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", " folded\r\n", "no colon\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Protocol: other\r\n",
		"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n", "bad name: x\r\n",
		"X: a\rb\r\n", "X: a\nY: b\r\n", ": empty\r\n" };
	static const char *const starts[] = { "HTTP/1.0 101 x\r\n", "HTTP/2 101\r\n", "HTTP/1.1 10\r\n",
		"HTTP/1.1  101\r\n", "HTTP/1.1 1011\r\n", "http/1.1 101 x\r\n", "\r\n", "HTTP/1.1 101 x\n" };
	struct handshake_answer a;

	for (size_t i = 0; i < sizeof(extra) / sizeof(*extra); i++)
		CHECK(checked(start, rest, extra[i], &a) == HANDSHAKE_BAD && a.why);
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		CHECK(checked(starts[i], rest, "", &a) == HANDSHAKE_BAD && a.why);
	CHECK(checked(start, "", "", &a) == HANDSHAKE_BAD);
	CHECK(checked(start, "Upgrade: websocket\r\nConnection: Upgrade\r\n",
	    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n", &a) == HANDSHAKE_BAD);
	CHECK(checked("HTTP/1.1 401 No\r\n", "", "", &a) == HANDSHAKE_REFUSED && a.status == 401);
	CHECK(checked("HTTP/1.1 200\r\n", rest, "", &a) == HANDSHAKE_REFUSED && a.status == 200);
}

TEST(an_answer_that_is_not_complete_waits_and_one_without_end_is_refused)
{
	struct handshake h = { 0 };
	struct handshake_answer a;
	struct buf b = { 0 };

	buf_fmt(&b, "%s%s\r\n", start, rest);
	for (size_t n = 0; n < b.n; n++)
		CHECK(handshake_check(unit_guard(slice_of(b.p, n)), &h, key, &a) == HANDSHAKE_MORE);
	CHECK(handshake_check(unit_guard(buf_view(&b)), &h, key, &a) == HANDSHAKE_OK);
	while (b.n < HANDSHAKE_MAX)
		buf_byte(&b, 'x');
	memset(b.p, 'x', b.n);
	CHECK(handshake_check(buf_view(&b), &h, key, &a) == HANDSHAKE_BAD);
	buf_free(&b);
}

TEST(the_request_says_what_was_asked_for)
{
	static const char *const lines[] = { "X-One: 1" };
	struct handshake h = { .target = S("/ws?a=b"), .host = S("h:1"), .origin = S("http://o"),
		.bearer = S("T"), .protocol = S("bearer"), .secret_protocol = S("T"), .headers = lines,
		.nheaders = 1 };
	struct buf b = { 0 };

	handshake_request(&b, &h, key);
	CHECK_SLICE(buf_view(&b), S("GET /ws?a=b HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\nOrigin: http://o\r\nAuthorization: Bearer T\r\n"
	    "Sec-WebSocket-Protocol: bearer, T\r\nX-One: 1\r\n\r\n"));
	buf_free(&b);
}

int
main(void)
{
	RUN(numbers_in_order_are_new);
	RUN(a_number_seen_before_is_a_duplicate);
	RUN(a_number_that_was_overtaken_is_late_once);
	RUN(numbers_sent_before_the_beginning_do_not_count);
	RUN(a_gap_at_the_very_beginning_can_still_be_filled);
	RUN(the_window_holds_64_numbers_and_beyond_it_nothing_is_late);
	RUN(a_stamp_is_found_again_with_all_it_says);
	RUN(a_stamp_with_other_signs_in_it_is_none);
	RUN(the_agenda_gives_its_entries_by_time);
	RUN(places_are_filled_in);
	RUN(pad_brings_a_message_to_its_size);
	RUN(an_unknown_word_in_braces_is_found);
	RUN(the_highest_load_is_found_from_any_beginning);
	RUN(a_search_ends_at_the_bounds);
	RUN(requirements_are_parsed_and_judged);
	RUN(what_was_not_measured_is_not_met);
	RUN(malformed_requirements_are_refused);
	RUN(more_kinds_of_errors_than_there_is_room_for_are_counted_together);
	RUN(the_answer_of_the_rfc_is_taken_and_the_rest_left_alone);
	RUN(an_answer_that_proves_nothing_is_refused);
	RUN(an_answer_that_is_not_complete_waits_and_one_without_end_is_refused);
	RUN(the_request_says_what_was_asked_for);
	return unit_done();
}
