/* The opening handshake and its token: cmd/ws-serve/handshake.c. */
#include "unit.h"

#include "../../cmd/ws-serve/handshake.c"
#include "../../cmd/ws-serve/request.c"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Host: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define SOUND UPGRADE V13 KEY

static struct request r;
static struct handshake h;
static struct buf scratch;
static const char *why;

/* Check a request with this target and these fields. */
static int
check(const char *target, const char *fields, const char *cookie)
{
	char text[4096];
	int status;

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n%s\r\n", target, fields);
	buf_clear(&scratch);
	status = request_parse(unit_guard(slice_str(text)), &r, &why);
	return status ? status : handshake_check(&r, cookie, &scratch, &h, &why);
}

TEST(a_sound_handshake_passes)
{
	CHECK(check("/ws", SOUND "Origin: https://a\r\n", NULL) == 0);
	CHECK(handshake_wanted(&r));
	CHECK_SLICE(h.key, S("dGhlIHNhbXBsZSBub25jZQ=="));
	CHECK_SLICE(h.origin, S("https://a"));
	CHECK(h.source == DOOR_TOKEN_NONE && h.token.n == 0 && !h.deflate);
}

TEST(every_flaw_has_its_status)
{
	static const struct {
		int status;
		const char *why, *fields;
	} cases[] = {
		{ 400, "no Connection: Upgrade", "Host: a\r\nUpgrade: websocket\r\n" V13 KEY },
		{ 400, "no Connection: Upgrade",
		    "Host: a\r\nUpgrade: websocket\r\nConnection: Upgraded\r\n" V13 KEY },
		{ 426, "WebSocket version 13 is needed", UPGRADE KEY },
		{ 426, "WebSocket version 13 is needed", UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY },
		{ 426, "WebSocket version 13 is needed", UPGRADE "Sec-WebSocket-Version: 13, 8\r\n" KEY },
		{ 400, "repeated Sec-WebSocket-Version", SOUND V13 },
		{ 400, "malformed Sec-WebSocket-Key", UPGRADE V13 },
		{ 400, "malformed Sec-WebSocket-Key", UPGRADE V13 "Sec-WebSocket-Key:\r\n" },
		{ 400, "malformed Sec-WebSocket-Key",
		    UPGRADE V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" },
		{ 400, "malformed Sec-WebSocket-Key",
		    UPGRADE V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" },
		{ 400, "malformed Sec-WebSocket-Key",
		    UPGRADE V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" },
		{ 400, "malformed Sec-WebSocket-Key",
		    UPGRADE V13 "Sec-WebSocket-Key: dGhlIHNhb?BsZSBub25jZQ==\r\n" },
		{ 400, "malformed Sec-WebSocket-Key",
		    UPGRADE V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n" },
		{ 400, "repeated Sec-WebSocket-Key", SOUND KEY },
		{ 400, "repeated Origin", SOUND "Origin: https://a\r\nOrigin: https://b\r\n" },
		{ 400, "a handshake has no body", SOUND "Content-Length: 5\r\n" },
		{ 400, "a handshake has no body", SOUND "Transfer-Encoding: chunked\r\n" },
		{ 400, "repeated Authorization",
		    SOUND "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n" },
		{ 400, "malformed token", SOUND "Authorization: Bearer a b\r\n" },
		{ 400, "malformed token", SOUND "Authorization: Bearer \303\244\r\n" },
		{ 400, "bearer without a token", SOUND "Sec-WebSocket-Protocol: chat, bearer\r\n" },
		{ 400, "repeated token", SOUND "Sec-WebSocket-Protocol: bearer, a, bearer, b\r\n" },
		{ 400, "repeated token",
		    SOUND "Authorization: Bearer a\r\nSec-WebSocket-Protocol: bearer, a\r\n" },
		{ 400, "repeated subprotocol", SOUND "Sec-WebSocket-Protocol: a, b, a\r\n" },
		{ 400, "malformed Sec-WebSocket-Protocol", SOUND "Sec-WebSocket-Protocol: a b\r\n" },
		{ 400, "too many subprotocols",
		    SOUND "Sec-WebSocket-Protocol: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = check("/ws", cases[i].fields, NULL);

		if (status != cases[i].status)
			printf("# %s: %d\n", cases[i].fields, status);
		CHECK(status == cases[i].status);
		if (status)
			CHECK_SLICE(slice_str(why), slice_str(cases[i].why));
	}
}

TEST(a_websocket_is_opened_with_get_in_http_1_1)
{
	CHECK(request_parse(S("POST / HTTP/1.1\r\n" SOUND "\r\n"), &r, &why) == 0);
	CHECK(handshake_check(&r, NULL, &scratch, &h, &why) == 405);
	CHECK(request_parse(S("GET / HTTP/1.0\r\n" SOUND "\r\n"), &r, &why) == 0);
	CHECK(handshake_check(&r, NULL, &scratch, &h, &why) == 400);
}

TEST(h2c_is_no_websocket)
{
	CHECK(request_parse(S("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
	    &r, &why) == 0);
	CHECK(!handshake_wanted(&r));
}

TEST(the_token_is_found_in_each_of_its_places)
{
	static const struct {
		const char *target, *fields, *token;
		enum door_token_source source;
	} cases[] = {
		{ "/ws?token=a.b-c_d", SOUND, "a.b-c_d", DOOR_TOKEN_QUERY },
		{ "/ws?x=1&token=a%2Eb%3d&y", SOUND, "a.b=", DOOR_TOKEN_QUERY },
		{ "/ws?token=a=b", SOUND, "a=b", DOOR_TOKEN_QUERY },
		{ "/ws?token=a+b", SOUND, "a+b", DOOR_TOKEN_QUERY },
		{ "/ws", SOUND "Authorization: bearer   a.b\r\n", "a.b", DOOR_TOKEN_BEARER },
		{ "/ws", SOUND "Sec-WebSocket-Protocol: chat, bearer, a.b\r\n", "a.b", DOOR_TOKEN_PROTOCOL },
		{ "/ws", SOUND "Sec-WebSocket-Protocol: bearer\r\nSec-WebSocket-Protocol: a.b\r\n", "a.b",
		    DOOR_TOKEN_PROTOCOL },
		{ "/ws", SOUND "Cookie: x=1; sid=\"a.b\"; y=2\r\n", "a.b", DOOR_TOKEN_COOKIE },
		{ "/ws", SOUND "Cookie: sid=a.b\r\nAuthorization: Bearer c\r\n", "c", DOOR_TOKEN_BEARER },
		/* None at all: */
		{ "/ws?token=", SOUND, "", DOOR_TOKEN_NONE },
		{ "/ws?tokens=a", SOUND, "", DOOR_TOKEN_NONE },
		{ "/ws?x=1;token=a", SOUND, "", DOOR_TOKEN_NONE },
		{ "/ws", SOUND "Authorization: Basic YTpi\r\n", "", DOOR_TOKEN_NONE },
		{ "/ws", SOUND "Cookie: xsid=a\r\n", "", DOOR_TOKEN_NONE },
		{ "/ws?token=", SOUND "Authorization: Bearer c\r\n", "c", DOOR_TOKEN_BEARER },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(check(cases[i].target, cases[i].fields, "sid") == 0);
		CHECK_SLICE(h.token, slice_str(cases[i].token));
		CHECK(h.source == cases[i].source);
	}
}

TEST(a_semicolon_does_not_separate_tokens)
{
	CHECK(check("/ws?token=a;token=b", SOUND, NULL) == 0);
	CHECK_SLICE(h.token, S("a;token=b"));
}

TEST(a_token_in_two_places_or_malformed_is_refused)
{
	static const char *const targets[] = {
		"/ws?token=a&token=a", "/ws?token=a&token=", "/ws?token=%", "/ws?token=%4", "/ws?token=%zz",
		"/ws?token=%00", "/ws?token=a%0ab", "/ws?token=a%20b", "/ws?token=%c3%a4",
	};

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		CHECK(check(targets[i], SOUND, NULL) == 400);
	CHECK(check("/ws?token=a", SOUND "Authorization: Bearer a\r\n", NULL) == 400);
	CHECK(check("/ws", SOUND "Cookie: sid=a; sid=b\r\n", "sid") == 400);
	CHECK(check("/ws", SOUND "Cookie: sid=a\r\nCookie: sid=b\r\n", "sid") == 400);
	CHECK(check("/ws", SOUND "Cookie: sid=a; sid=b\r\n", NULL) == 0);
}

TEST(subprotocols_come_without_the_token)
{
	CHECK(check("/ws", SOUND "Sec-WebSocket-Protocol: v1, bearer, tok, v2\r\n", NULL) == 0);
	CHECK(h.subprotocol_count == 2);
	CHECK_SLICE(h.subprotocols[0], S("v1"));
	CHECK_SLICE(h.subprotocols[1], S("v2"));
}

TEST(deflate_is_taken_when_it_needs_no_window)
{
	static const struct {
		bool deflate;
		const char *offer;
	} cases[] = {
		{ true, "permessage-deflate" },
		{ true, "permessage-deflate; client_max_window_bits" },
		{ true, "permessage-deflate; client_max_window_bits=10" },
		{ true,
		    "permessage-deflate; server_no_context_takeover; client_no_context_takeover" },
		{ false, "permessage-deflate; server_max_window_bits=10" },
		{ true, "permessage-deflate; server_max_window_bits=10, permessage-deflate" },
		{ true, "x, permessage-deflate; client_no_context_takeover" },
		{ false, "permessage-deflate; unknown" },
		{ false,
		    "permessage-deflate; server_no_context_takeover; server_no_context_takeover" },
		{ false, "x-webkit-deflate-frame" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char fields[1024];

		snprintf(fields, sizeof fields, SOUND "Sec-WebSocket-Extensions: %s\r\n", cases[i].offer);
		CHECK(check("/ws", fields, NULL) == 0);
		CHECK(h.deflate == cases[i].deflate);
	}
}

int
main(void)
{
	RUN(a_sound_handshake_passes);
	RUN(every_flaw_has_its_status);
	RUN(a_websocket_is_opened_with_get_in_http_1_1);
	RUN(h2c_is_no_websocket);
	RUN(the_token_is_found_in_each_of_its_places);
	RUN(a_semicolon_does_not_separate_tokens);
	RUN(a_token_in_two_places_or_malformed_is_refused);
	RUN(subprotocols_come_without_the_token);
	RUN(deflate_is_taken_when_it_needs_no_window);
	buf_free(&scratch);
	return unit_done();
}
