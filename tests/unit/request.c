/* Headers and bodies of requests: cmd/ws-serve/request.c, body.c. */
#include "unit.h"

#include "../../cmd/ws-serve/body.c"
#include "../../cmd/ws-serve/request.c"

static struct request r;
static const char *why;

/* Parse a header that stands before an unmapped page. */
static int
parse(const char *text)
{
	struct slice s = unit_guard(slice_str(text));

	return request_parse(s, &r, &why);
}

TEST(a_header_ends_at_the_blank_line)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore";

	CHECK(request_end(slice_str(text), 0) == sizeof text - 1 - 4);
	CHECK(request_end(S(""), 0) == 0);
	CHECK(request_end(S("GET / HTTP/1.1\r\n\r"), 0) == 0);
	CHECK(request_end(S("GET / HTTP/1.1\n\n"), 0) == 16);
}

TEST(the_blank_line_is_found_wherever_the_pieces_were_cut)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	size_t whole = sizeof text - 1;

	for (size_t cut = 0; cut < whole; cut++) {
		CHECK(request_end(unit_guard(slice_of(text, cut)), 0) == 0);
		CHECK(request_end(unit_guard(slice_of(text, whole)), cut) == whole);
	}
}

TEST(what_begins_no_request_is_known_by_its_first_bytes)
{
	static const char *const no[] = { "\x16\x03\x01", " ", "\r\n", "GET\r", "G(", "\x80", "G\x16" };
	static const char *const yes[] = { "", "G", "GET", "GET ", "GET \x16", "PRI *",
		"a-method-that-is-longer-than-all-there-are\x16" };

	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		CHECK(!request_begun(unit_guard(slice_str(no[i]))));
		CHECK(parse(no[i]) == 400);
	}
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		CHECK(request_begun(unit_guard(slice_str(yes[i]))));
}

TEST(a_request_is_taken_apart)
{
	CHECK(parse("GET /ws?token=a%20b&x HTTP/1.1\r\nHost: example.org:80\r\nX-A:\t b c \r\n\r\n") == 0);
	CHECK_SLICE(r.method, S("GET"));
	CHECK_SLICE(r.path, S("/ws"));
	CHECK_SLICE(r.query, S("token=a%20b&x"));
	CHECK_SLICE(r.host, S("example.org:80"));
	CHECK(r.minor == 1 && r.fields == 2);
	CHECK_SLICE(r.field[1].name, S("X-A"));
	CHECK_SLICE(r.field[1].value, S("b c"));
}

TEST(an_absolute_target_names_the_host)
{
	CHECK(parse("GET http://a:1/b?c HTTP/1.1\r\nHost: other\r\n\r\n") == 0);
	CHECK_SLICE(r.host, S("a:1"));
	CHECK_SLICE(r.path, S("/b"));
	CHECK_SLICE(r.query, S("c"));
	CHECK(parse("GET HTTPS://a HTTP/1.1\r\nHost: other\r\n\r\n") == 0);
	CHECK_SLICE(r.host, S("a"));
	CHECK_SLICE(r.path, S("/"));
	CHECK(parse("GET http://a?q HTTP/1.1\r\nHost: other\r\n\r\n") == 0);
	CHECK_SLICE(r.path, S("/"));
	CHECK_SLICE(r.query, S("q"));
}

TEST(what_is_no_sound_header_is_refused)
{
	static const struct {
		int status;
		const char *text;
	} cases[] = {
		{ 400, "\r\n\r\n" },
		{ 400, "GET\r\n\r\n" },
		{ 400, "GET /\r\n\r\n" },
		{ 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" },
		{ 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\nHost: a\n\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHo\rst: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nX: \001\r\n\r\n" },
		{ 400, "GET ws HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\303\244 HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / XTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
		{ 505, "PRI * HTTP/2.0\r\n\r\n" },
		{ 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = parse(cases[i].text);

		if (status != cases[i].status)
			printf("# %s: %d\n", cases[i].text, status);
		CHECK(status == cases[i].status);
		CHECK(why != NULL);
	}
}

TEST(http_1_0_needs_no_host)
{
	CHECK(parse("GET /health HTTP/1.0\r\n\r\n") == 0);
	CHECK(r.minor == 0 && r.host.n == 0);
}

TEST(a_hundred_fields_pass_and_one_more_is_431)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");

	for (int i = 1; i < REQUEST_FIELDS; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "X: %d\r\n", i);
	snprintf(text + n, sizeof text - n, "\r\n");
	CHECK(parse(text) == 0);
	snprintf(text + n, sizeof text - n, "Y: z\r\n\r\n");
	CHECK(parse(text) == 431);
}

TEST(a_list_goes_on_in_the_next_field)
{
	struct request_list at = { 0 };
	struct slice e;

	CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nL: a,, b\r\nM: x\r\nl: \"c,\\\"d\", e\r\nL:\r\n\r\n") == 0);
	CHECK(request_list(&r, "L", &at, &e));
	CHECK_SLICE(e, S("a"));
	CHECK(request_list(&r, "L", &at, &e));
	CHECK_SLICE(e, S("b"));
	CHECK(request_list(&r, "L", &at, &e));
	CHECK_SLICE(e, S("\"c,\\\"d\""));
	CHECK(request_list(&r, "L", &at, &e));
	CHECK_SLICE(e, S("e"));
	CHECK(!request_list(&r, "L", &at, &e));
	CHECK(!request_list(&r, "L", &at, &e));
	CHECK(request_lists(&r, "l", "B") && !request_lists(&r, "l", "c"));
}

TEST(the_length_of_a_body_has_one_reading)
{
	static const struct {
		int status;
		int64_t length;
		const char *fields;
	} cases[] = {
		{ 0, 0, "" },
		{ 0, 0, "Content-Length: 0\r\n" },
		{ 0, 12, "Content-Length: 12\r\n" },
		{ 0, -1, "Transfer-Encoding: Chunked\r\n" },
		{ 400, 0, "Content-Length: 1\r\nContent-Length: 1\r\n" },
		{ 400, 0, "Content-Length: 1, 1\r\n" },
		{ 400, 0, "Content-Length: +1\r\n" },
		{ 400, 0, "Content-Length: -1\r\n" },
		{ 400, 0, "Content-Length: 0x1\r\n" },
		{ 400, 0, "Content-Length: 1 1\r\n" },
		{ 400, 0, "Content-Length:\r\n" },
		{ 400, 0, "Content-Length: 9999999999999999\r\n" },
		{ 400, 0, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" },
		{ 400, 0, "Transfer-Encoding: gzip, chunked\r\n" },
		{ 400, 0, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" },
		{ 400, 0, "Transfer-Encoding: \013chunked\r\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[512];
		int64_t length = 0;
		int status;

		snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].fields);
		status = parse(text);
		if (status == 0)
			status = request_body(&r, &length, &why);
		if (status != cases[i].status || (status == 0 && length != cases[i].length))
			printf("# %s: %d, %d\n", cases[i].fields, status, (int)length);
		CHECK(status == cases[i].status);
		CHECK(status || length == cases[i].length);
	}
}

/* All of a body's content, taken in pieces of `step` bytes; false when malformed. */
static bool
take_body(struct body *b, const char *text, size_t step, char *out)
{
	struct slice rest = slice_str(text);
	size_t n = 0;

	while (rest.n && b->state != BODY_DONE) {
		struct slice data;
		ssize_t used = body_take(b, unit_guard(slice_of(rest.p, rest.n < step ? rest.n : step)), &data);

		if (used < 0)
			return false;
		memcpy(out + n, data.p, data.n);
		n += data.n;
		rest = slice_from(rest, (size_t)used);
	}
	out[n] = '\0';
	return true;
}

TEST(chunks_are_put_together_wherever_the_pieces_were_cut)
{
	static const char text[] = "5\r\nhello\r\n1;name=\"x\"\r\n \r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nnext";

	for (size_t step = 1; step < sizeof text; step++) {
		struct body b;
		char out[64];

		body_init(&b, -1);
		CHECK(take_body(&b, text, step, out));
		CHECK(b.state == BODY_DONE);
		CHECK(strcmp(out, "hello 0123456789") == 0);
	}
}

TEST(malformed_chunks_are_refused)
{
	static const char *const cases[] = {
		"\r\n", "x\r\n", "-1\r\n", "5\nhello", "5\r\nhello!\r\n", "5\r\nhello\n0\r\n",
		"1\r\na\r\n1\r\r\n", "1000000000000\r\n", "0\r\n\n", "0\r\nA\n\r\n", "1;a\n",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct body b;
		char out[64];

		body_init(&b, -1);
		if (take_body(&b, cases[i], 64, out))
			printf("# passed: %s\n", cases[i]);
		body_init(&b, -1);
		CHECK(!take_body(&b, cases[i], 1, out));
	}
}

TEST(a_body_of_known_length_ends_there)
{
	struct body b;
	struct slice data;

	body_init(&b, 3);
	CHECK(body_take(&b, S("abcdef"), &data) == 3);
	CHECK_SLICE(data, S("abc"));
	CHECK(b.state == BODY_DONE);
	body_init(&b, 0);
	CHECK(b.state == BODY_DONE);
}

int
main(void)
{
	RUN(a_header_ends_at_the_blank_line);
	RUN(the_blank_line_is_found_wherever_the_pieces_were_cut);
	RUN(what_begins_no_request_is_known_by_its_first_bytes);
	RUN(a_request_is_taken_apart);
	RUN(an_absolute_target_names_the_host);
	RUN(what_is_no_sound_header_is_refused);
	RUN(http_1_0_needs_no_host);
	RUN(a_hundred_fields_pass_and_one_more_is_431);
	RUN(a_list_goes_on_in_the_next_field);
	RUN(the_length_of_a_body_has_one_reading);
	RUN(chunks_are_put_together_wherever_the_pieces_were_cut);
	RUN(malformed_chunks_are_refused);
	RUN(a_body_of_known_length_ends_there);
	return unit_done();
}
