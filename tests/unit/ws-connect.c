/* The pure parts of ws-connect: replies, handshakes, frames, JSON values, close codes. */
#include "../../cmd/ws-connect/closecode.c"
#include "../../cmd/ws-connect/guard.c"
#include "../../cmd/ws-connect/http.c"
#include "../../cmd/ws-connect/jsonseq.c"
#include "../../cmd/ws-connect/outq.c"
#include "../../cmd/ws-connect/upgrade.c"

#include "unit.h"

/* --- http --- */

static struct http_reply reply;
static const char *why;

static enum http_parse
parse(const char *text)
{
	return http_reply(unit_guard(slice_str(text)), &reply, &why);
}

TEST(a_reply_is_taken_apart)
{
	CHECK(parse("HTTP/1.1 101 Switching Protocols\r\nA: 1\r\nb:2 \r\nA:3\r\nEmpty:\r\n\r\nbody") ==
	    HTTP_WHOLE);
	unsigned n;

	CHECK(reply.status == 101);
	CHECK_SLICE(reply.reason, S("Switching Protocols"));
	CHECK_SLICE(http_field(reply.fields, "a", &n), S("1"));
	CHECK(n == 2);
	CHECK_SLICE(http_field(reply.fields, "B", &n), S("2"));
	CHECK_SLICE(http_field(reply.fields, "empty", &n), S(""));
	CHECK(n == 1);
	CHECK(http_field(reply.fields, "none", &n).p == NULL && n == 0);
	CHECK(parse("HTTP/1.0 404\r\n\r\n") == HTTP_WHOLE && reply.status == 404 && reply.length == 16);
}

TEST(a_reply_that_is_not_complete_wants_more)
{
	const char *text = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";

	for (size_t n = 0; n < strlen(text); n++)
		CHECK(http_reply(unit_guard(slice_of(text, n)), &reply, &why) == HTTP_MORE);
}

TEST(what_is_no_reply_is_refused)
{
	static const char *const t[] = { "220 mail ESMTP", "GET / HTTP/1.1\r\n\r\n", "HTTP/2 200\r\n\r\n",
		"HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
		"HTTP/1.1 20\r\n\r\n", "HTTP/1.1  200\r\n\r\n", "HTTP/1.1 200 \x01\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA : x\r\n\r\n", "HTTP/1.1 200 OK\r\nA: x\r\n y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: x\ny\r\n\r\n", "HTTP/1.1 200 OK\nA: x\r\n\r\n" };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		CHECK(parse(t[i]) == HTTP_BAD && why);
		if (!why)
			printf("# taken: %s\n", t[i]);
	}
}

TEST(a_head_is_limited)
{
	struct buf b = { 0 };

	buf_str(&b, "HTTP/1.1 200 OK\r\n");
	while (b.n < HTTP_HEAD_MAX)
		buf_str(&b, "A: b\r\n");
	CHECK(http_reply(buf_view(&b), &reply, &why) == HTTP_BAD);
	buf_free(&b);
}

TEST(lists_are_cut_outside_quotes)
{
	struct slice list = S("a , \"b,\\\"c\" ,,d"), e;

	CHECK(http_list_next(&list, ',', &e) && slice_is(e, "a"));
	CHECK(http_list_next(&list, ',', &e) && slice_is(e, "\"b,\\\"c\""));
	CHECK(http_list_next(&list, ',', &e) && slice_is(e, ""));
	CHECK(http_list_next(&list, ',', &e) && slice_is(e, "d"));
	CHECK(!http_list_next(&list, ',', &e));
	CHECK(http_list_has(S("keep-alive, UPGRADE"), "upgrade"));
	CHECK(!http_list_has(S("keep-alive, upgrades"), "upgrade"));
	list = unit_guard(S("\"\\"));
	CHECK(http_list_next(&list, ',', &e) && !http_list_next(&list, ',', &e));
}

/* --- upgrade --- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SOUND "Upgrade: WebSocket\r\nConnection: Upgrade\r\n" ACCEPT

static const char *
check(const char *fields, const struct options *o, struct upgrade *u)
{
	struct http_reply r = { .status = 101, .fields = unit_guard(slice_str(fields)) };

	return upgrade_check(&r, o, KEY, u);
}

TEST(the_key_of_the_standard_has_its_answer)
{
	char accept[UPGRADE_ACCEPT + 1];

	upgrade_accept(S(KEY), accept);
	CHECK_SLICE(slice_str(accept), S("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

TEST(keys_are_16_random_bytes)
{
	char a[UPGRADE_KEY + 1], b[UPGRADE_KEY + 1];
	struct buf bytes = { 0 };

	upgrade_key(a);
	upgrade_key(b);
	CHECK(strcmp(a, b) != 0);
	CHECK(base64_get(&bytes, slice_str(a)) == 0 && bytes.n == 16);
	buf_free(&bytes);
}

TEST(only_what_was_offered_is_agreed_to)
{
	const char *names[] = { "chat" };
	struct options plain = { 0 },
		       offers = { .deflate = true, .subprotocols = { .v = names, .n = 1 } };
	struct upgrade u;

	CHECK(!check(SOUND, &plain, &u) && !u.subprotocol.n && !u.extension.n);
	CHECK(check(SOUND "Sec-WebSocket-Protocol: chat\r\n", &plain, &u) != NULL);
	CHECK(check(SOUND "Sec-WebSocket-Extensions: permessage-deflate\r\n", &plain, &u) != NULL);
	CHECK(!check(SOUND "Sec-WebSocket-Protocol: chat\r\n", &offers, &u));
	CHECK_SLICE(u.subprotocol, S("chat"));
	CHECK(check(SOUND "Sec-WebSocket-Protocol: Chat\r\n", &offers, &u) != NULL);
	CHECK(check(SOUND "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n", &offers,
		&u) != NULL);
	CHECK(!check(SOUND "Sec-WebSocket-Extensions: permessage-deflate; "
		"server_max_window_bits=\"9\"; client_no_context_takeover\r\n", &offers, &u));
	CHECK_SLICE(buf_view(&u.extension),
	    S("permessage-deflate; server_max_window_bits=9; client_no_context_takeover"));
	buf_free(&u.extension);
}

TEST(parameters_of_deflate_are_checked)
{
	static const char *const t[] = { "x", "permessage-deflate, permessage-deflate",
		"permessage-deflate; client_max_window_bits=15", "permessage-deflate; server_max_window_bits",
		"permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
		"permessage-deflate; server_max_window_bits=09", "permessage-deflate; x",
		"permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover" };
	struct options o = { .deflate = true };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct buf b = { 0 };
		struct upgrade u;

		buf_fmt(&b, SOUND "Sec-WebSocket-Extensions: %s\r\n", t[i]);
		CHECK(check(buf_cstr(&b), &o, &u) != NULL);
		buf_free(&u.extension);
		buf_free(&b);
	}
}

/* --- guard --- */

static unsigned code;
static struct buf sound; /* all that has passed */

static ssize_t
pass(struct guard *g, const char *bytes, size_t n)
{
	return guard_pass(g, unit_guard(slice_of(bytes, n)), &sound, &code, &why);
}

#define PASS(g, lit) pass(g, lit, sizeof(lit) - 1)

TEST(frames_pass_however_they_are_cut)
{
	static const char frames[] = "\x01\x02" "ab" "\x80\x01" "c" "\x82\x7e\x00\x80";
	char text[sizeof(frames) - 1 + 128];
	struct guard g;

	memcpy(text, frames, sizeof(frames) - 1);
	memset(text + sizeof(frames) - 1, 'x', 128);
	for (size_t cut = 1; cut <= sizeof(text); cut++) {
		size_t at = 0, end = 0;

		g = (struct guard){ .max_message = 1000 };
		while (at < sizeof(text)) {
			end = end + cut < sizeof(text) ? end + cut : sizeof(text);
			ssize_t n = pass(&g, text + at, end - at);

			CHECK(n >= 0);
			if (n < 0)
				return;
			at += (size_t)n;
			if (end == sizeof(text) && n == 0)
				break;
		}
		CHECK(at == sizeof(text) && !g.left && !g.fragmented);
	}
}

TEST(a_data_frame_passes_as_fragments_as_it_comes)
{
	struct guard g = { .max_message = 10, .deflate = true };

	buf_clear(&sound);
	CHECK(PASS(&g, "\xc1\x05" "ab") == 4);
	CHECK(PASS(&g, "c") == 1);
	CHECK(PASS(&g, "de" "\x82\x00") == 4);
	CHECK_SLICE(buf_view(&sound), S("\x41\x02" "ab" "\x00\x01" "c" "\x80\x02" "de" "\x82\x00"));
	buf_free(&sound);
}

TEST(control_frames_pass_whole_and_one_at_a_time)
{
	struct guard g = { .max_message = 10 };

	CHECK(PASS(&g, "\x89\x02" "a") == 0);
	CHECK(PASS(&g, "\x89\x02" "ab" "\x89\x00") == 4);
	CHECK(PASS(&g, "\x01\x01" "a" "\x8a\x00" "\x80\x01" "b") == 5);
	CHECK(PASS(&g, "\x80\x01" "b") == 3);
}

TEST(fragments_follow_the_rules)
{
	struct guard g = { .max_message = 10 };

	CHECK(PASS(&g, "\x80\x01" "a") == -1 && code == 1002);
	g = (struct guard){ .max_message = 10 };
	CHECK(PASS(&g, "\x01\x01" "a" "\x81\x01" "b") == -1 && code == 1002);
}

TEST(messages_are_limited_over_all_fragments)
{
	struct guard g = { .max_message = 3 };

	CHECK(PASS(&g, "\x81\x03" "abc" "\x82\x04") == -1 && code == 1009);
	g = (struct guard){ .max_message = 3 };
	CHECK(PASS(&g, "\x01\x02" "ab" "\x00\x01" "c" "\x80\x01") == -1 && code == 1009);
	g = (struct guard){ .max_message = 3 };
	CHECK(PASS(&g, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff") == -1 && code == 1009);
}

TEST(nothing_passes_behind_a_close_frame)
{
	struct guard g = { .max_message = 10 };

	CHECK(PASS(&g, "\x88\x05\x0f\xa1" "bye" "\x81\x01" "a") == 7);
	CHECK(g.close_code == 4001);
	CHECK_SLICE(slice_of(g.close_reason, g.close_reason_n), S("bye"));
	CHECK(PASS(&g, "\x81\x01" "a") == 0);
	g = (struct guard){ .max_message = 10 };
	CHECK(PASS(&g, "\x88\x00") == 2 && g.close_code == 1005);
	g = (struct guard){ .max_message = 10 };
	CHECK(PASS(&g, "\x88\x01\x03") == -1 && code == 1002);
	buf_free(&sound);
}

/* --- jsonseq --- */

/* The values of a text that comes in pieces of `step` bytes, with '|' between them, '!'
 * for a bad one and '+' for one that is too long. */
static char *
values(const char *text, size_t step, size_t max)
{
	static char out[1000];
	struct jsonseq q;
	size_t n = 0, at = 0, length = strlen(text);

	jsonseq_init(&q, max);
	for (;;) {
		struct slice v;
		enum jsonseq_status s = jsonseq_take(&q, &v, &why);

		if (s == JSONSEQ_EOF)
			break;
		if (s == JSONSEQ_MORE) {
			size_t k = length - at < step ? length - at : step;

			buf_add(&q.b, text + at, k);
			at += k;
			q.eof = at == length;
			continue;
		}
		if (n)
			out[n++] = '|';
		if (s == JSONSEQ_OK) {
			memcpy(out + n, v.p, v.n);
			n += v.n;
		} else {
			out[n++] = s == JSONSEQ_BAD ? '!' : '+';
		}
	}
	out[n] = '\0';
	jsonseq_free(&q);
	return out;
}

TEST(values_are_found_whatever_is_between_them)
{
	static const struct {
		const char *text, *values;
	} t[] = {
		{ "", "" },
		{ " \n\x1e ", "" },
		{ "1", "1" },
		{ "1 2\n3", "1|2|3" },
		{ "{}[]\"\"1", "{}|[]|\"\"|1" },
		{ "{\"a\":\"}\\\"{\"}\n[\n[1]\n,2]", "{\"a\":\"}\\\"{\"}|[\n[1]\n,2]" },
		{ "\x1e{\"a\":1}\n\x1e[2]\n", "{\"a\":1}|[2]" },
		{ "true\"x\"false{}null", "true|\"x\"|false|{}|null" },
		{ "{\"a\":,}\n{}", "!|{}" },
		{ "}{}", "!|{}" },
		{ "{]\n1", "!|1" },
		{ "[1\x1e[2]", "!|[2]" },
		{ "{\"a\":1", "!" },
		{ "\"abc", "!" },
		{ "nul 01 1", "!|!|1" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		for (size_t step = 1; step <= strlen(t[i].text) + 1; step++)
			CHECK_SLICE(slice_str(values(t[i].text, step, 100)), slice_str(t[i].values));
}

TEST(values_too_long_are_skipped_up_to_the_next_line)
{
	for (size_t step = 1; step < 40; step++)
		CHECK_SLICE(slice_str(values("1\n[1,2,3,4,5] 7\n[2]", step, 8)), S("1|+|[2]"));
}

TEST(values_know_their_lines)
{
	struct jsonseq q;
	struct slice v;

	jsonseq_init(&q, 100);
	buf_str(&q.b, "\n[\n1]\n\n2");
	q.eof = true;
	CHECK(jsonseq_take(&q, &v, &why) == JSONSEQ_OK && q.number == 1 && q.line == 2);
	CHECK(jsonseq_take(&q, &v, &why) == JSONSEQ_OK && q.number == 2 && q.line == 5);
	jsonseq_free(&q);
}

/* --- outq, closecode --- */

TEST(the_queue_keeps_its_order_and_its_count)
{
	struct outq q = { 0 }, head = { 0 };
	struct outmsg *m;

	outq_push(&q, outmsg_new(S("user 1"), false, false));
	outq_push(&q, outmsg_new(S("user 2"), true, false));
	outq_push(&head, outmsg_new(S("ours"), false, true));
	outq_prepend(&q, &head);
	CHECK(q.count == 3 && !head.count && !head.first);
	CHECK(outq_drop_oldest(&q) && q.count == 2);
	outq_drop_ours(&q);
	CHECK(q.count == 1);
	m = outq_pop(&q);
	CHECK(m && m->binary && slice_is(slice_of(m->p, m->n), "user 2"));
	free(m);
	CHECK(!outq_pop(&q) && !q.bytes && !q.last);
	CHECK(!outq_drop_oldest(&q));
	outq_free(&q);
}

TEST(close_codes_have_their_meaning)
{
	CHECK(closecode_means(1000) == CLOSE_ORDERLY && closecode_means(1005) == CLOSE_ORDERLY);
	CHECK(closecode_means(4001) == CLOSE_TOKEN && closecode_means(4003) == CLOSE_FINAL);
	for (unsigned c = 1007; c <= 1010; c++)
		CHECK(closecode_means(c) == CLOSE_FINAL);
	for (unsigned c = 1011; c <= 1014; c++)
		CHECK(closecode_means(c) == CLOSE_RETRY);
	CHECK(closecode_means(1001) == CLOSE_RETRY && closecode_means(1006) == CLOSE_RETRY);
	CHECK(closecode_means(1002) == CLOSE_FINAL && closecode_means(1003) == CLOSE_FINAL);
	CHECK(closecode_means(4008) == CLOSE_RETRY && closecode_means(4013) == CLOSE_RETRY);
}

int
main(void)
{
	RUN(a_reply_is_taken_apart);
	RUN(a_reply_that_is_not_complete_wants_more);
	RUN(what_is_no_reply_is_refused);
	RUN(a_head_is_limited);
	RUN(lists_are_cut_outside_quotes);
	RUN(the_key_of_the_standard_has_its_answer);
	RUN(keys_are_16_random_bytes);
	RUN(only_what_was_offered_is_agreed_to);
	RUN(parameters_of_deflate_are_checked);
	RUN(frames_pass_however_they_are_cut);
	RUN(a_data_frame_passes_as_fragments_as_it_comes);
	RUN(control_frames_pass_whole_and_one_at_a_time);
	RUN(fragments_follow_the_rules);
	RUN(messages_are_limited_over_all_fragments);
	RUN(nothing_passes_behind_a_close_frame);
	RUN(values_are_found_whatever_is_between_them);
	RUN(values_too_long_are_skipped_up_to_the_next_line);
	RUN(values_know_their_lines);
	RUN(the_queue_keeps_its_order_and_its_count);
	RUN(close_codes_have_their_meaning);
	return unit_done();
}
