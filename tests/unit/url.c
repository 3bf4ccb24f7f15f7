#include "url.h"

#include "buf.h"
#include "unit.h"

TEST(sound_urls_are_taken_apart)
{
	static const struct {
		const char *text, *host, *socket, *target, *header;
		unsigned port;
		bool secure;
	} t[] = {
		{ "ws://example.org", "example.org", NULL, "/", "example.org", 80, false },
		{ "WS://Example.ORG/a", "example.org", NULL, "/a", "example.org", 80, false },
		{ "wss://h/p?q=1&r=%20", "h", NULL, "/p?q=1&r=%20", "h", 443, true },
		{ "ws://h:3000/ws", "h", NULL, "/ws", "h:3000", 3000, false },
		{ "wss://h:443/", "h", NULL, "/", "h", 443, true },
		{ "ws://h:443/", "h", NULL, "/", "h:443", 443, false },
		{ "ws://h?token=x", "h", NULL, "/?token=x", "h", 80, false },
		{ "ws://[::1]:8080/x", "::1", NULL, "/x", "[::1]:8080", 8080, false },
		{ "ws://127.0.0.1:1", "127.0.0.1", NULL, "/", "127.0.0.1:1", 1, false },
		{ "ws+unix:///run/a.sock", "", "/run/a.sock", "/", "localhost", 0, false },
		{ "ws+unix:///run/a%20b:/ws?x", "", "/run/a b", "/ws?x", "localhost", 0, false },
		{ "wss+unix:///s?q", "", "/s", "/?q", "localhost", 0, true },
		{ "http://proxy:3128", "proxy", NULL, "/", "proxy:3128", 3128, false },
		{ "http://proxy/", "proxy", NULL, "/", "proxy", 80, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct buf b = { 0 };
		struct url u;
		const char *why;

		CHECK(url_parse(t[i].text, &u, &why) == 0);
		if (why) {
			printf("# %s: %s\n", t[i].text, why);
			continue;
		}
		CHECK_SLICE(slice_str(u.host), slice_str(t[i].host));
		CHECK_SLICE(slice_str(u.target), slice_str(t[i].target));
		CHECK(!u.socket == !t[i].socket);
		if (u.socket)
			CHECK_SLICE(slice_str(u.socket), slice_str(t[i].socket));
		CHECK(u.port == t[i].port);
		CHECK(url_secure(&u) == t[i].secure);
		url_put_host(&b, &u);
		CHECK_SLICE(buf_view(&b), slice_str(t[i].header));
		buf_free(&b);
		url_free(&u);
	}
}

TEST(what_is_no_url_is_refused)
{
	static const char *const t[] = {
		"", "h", "ws:", "ws:/h", "ws://", "ws:///path", "ftp://h/", "https://h/", "ws://h:0/", "ws://h:/",
		"ws://h:65536/", "ws://h:99999999999/", "ws://h:8x/", "ws://h:-1", "ws://h/#f",
		"ws://h/ x", "ws://h/\n", "ws://h/\xc3\xa9", "ws://h/%", "ws://h/%2", "ws://h/%zz",
		"ws://u:p@h/", "ws://[::1", "ws://[::1]x", "ws://[zz]/", "ws://[]/", "ws://a,b/",
		"ws://a%41/", "ws+unix://run/s", "ws+unix:///s:p", "ws+unix:///a%00b", "http://h/path",
		"http://%00@h/", "ws://h\\x/", "ws://::1/",
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct url u;
		const char *why = NULL;
		bool refused = url_parse(t[i], &u, &why) == -1;

		CHECK(refused);
		if (!refused)
			printf("# taken: %s\n", t[i]);
		CHECK(why != NULL);
		CHECK(u.host == NULL && u.target == NULL && u.socket == NULL);
	}
}

TEST(a_url_too_long_is_refused)
{
	char text[URL_MAX + 2];
	struct url u;
	const char *why;

	memset(text, 'a', sizeof(text));
	memcpy(text, "ws://h/", 7);
	text[URL_MAX + 1] = '\0';
	CHECK(url_parse(text, &u, &why) == -1);
	text[URL_MAX] = '\0';
	CHECK(url_parse(text, &u, &why) == 0);
	url_free(&u);
}

TEST(user_and_password_of_a_proxy_are_decoded)
{
	struct url u;
	const char *why;

	CHECK(url_parse("http://me:p%40ss%3A@h:1/", &u, &why) == 0);
	CHECK_SLICE(slice_str(u.user), S("me"));
	CHECK_SLICE(slice_str(u.password), S("p@ss:"));
	url_free(&u);
}

TEST(what_is_shown_has_no_secret)
{
	struct buf b = { 0 };
	struct url u;
	const char *why;

	CHECK(url_parse("wss://h:9/ws?token=secret", &u, &why) == 0);
	url_put_shown(&b, &u);
	CHECK_SLICE(buf_view(&b), S("wss://h:9/ws"));
	url_free(&u);
	buf_clear(&b);
	CHECK(url_parse("http://me:secret@h:9", &u, &why) == 0);
	url_put_shown(&b, &u);
	CHECK_SLICE(buf_view(&b), S("http://h:9/"));
	url_free(&u);
	buf_free(&b);
}

TEST(encoding_and_decoding_are_inverse)
{
	struct buf all = { 0 }, text = { 0 }, back = { 0 };

	for (int c = 0; c < 256; c++)
		buf_byte(&all, (char)c);
	url_encode(&text, buf_view(&all));
	CHECK(url_decode(&back, unit_guard(buf_view(&text))) == 0);
	CHECK_SLICE(buf_view(&back), buf_view(&all));
	buf_clear(&text);
	url_encode(&text, S("aZ0-._~/ +%"));
	CHECK_SLICE(buf_view(&text), S("aZ0-._~%2F%20%2B%25"));
	buf_free(&all);
	buf_free(&text);
	buf_free(&back);
}

TEST(a_percent_sign_without_two_digits_is_refused)
{
	static const char *const t[] = { "%", "a%1", "%g0", "%0g", "ok%41%" };
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		CHECK(url_decode(&b, unit_guard(slice_str(t[i]))) == -1 && b.n == 0);
	buf_free(&b);
}

int
main(void)
{
	RUN(sound_urls_are_taken_apart);
	RUN(what_is_no_url_is_refused);
	RUN(a_url_too_long_is_refused);
	RUN(user_and_password_of_a_proxy_are_decoded);
	RUN(what_is_shown_has_no_secret);
	RUN(encoding_and_decoding_are_inverse);
	RUN(a_percent_sign_without_two_digits_is_refused);
	return unit_done();
}
