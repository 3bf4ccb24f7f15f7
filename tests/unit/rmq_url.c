/* The URLs of AMQP brokers. */
#include "rmq_url.h"
#include "unit.h"

static const struct {
	const char *text, *host, *user, *password, *vhost, *shown;
	unsigned port;
	bool tls;
} good[] = {
	{ "amqp://h", "h", NULL, NULL, "/", "amqp://h", 5672, false },
	{ "amqps://h", "h", NULL, NULL, "/", "amqps://h", 5671, true },
	{ "amqp://h/", "h", NULL, NULL, "/", "amqp://h", 5672, false },
	{ "amqp://h:1234/v", "h", NULL, NULL, "v", "amqp://h:1234/v", 1234, false },
	{ "amqp://u:p@h/%2F", "h", "u", "p", "/", "amqp://h/%2F", 5672, false },
	{ "amqp://u@h", "h", "u", NULL, "/", "amqp://h", 5672, false },
	{ "amqp://:@h", "h", "", "", "/", "amqp://h", 5672, false },
	{ "amqp://a%40b:c%3Ad%2F@h/%2Fx%2fy", "h", "a@b", "c:d/", "/x/y", "amqp://h/%2Fx%2fy", 5672,
	  false },
	{ "amqp://[::1]:5/v", "::1", NULL, NULL, "v", "amqp://[::1]:5/v", 5, false },
	{ "amqp://127.0.0.1", "127.0.0.1", NULL, NULL, "/", "amqp://127.0.0.1", 5672, false },
};

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

TEST(urls_are_taken_apart)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct rmq_url u;
		const char *why;

		if (rmq_url_parse(unit_guard(slice_str(good[i].text)), &u, &why)) {
			printf("# %s: %s\n", good[i].text, why);
			CHECK(false);
			continue;
		}
		CHECK(same(u.host, good[i].host) && same(u.user, good[i].user)
			&& same(u.password, good[i].password) && same(u.vhost, good[i].vhost)
			&& same(u.shown, good[i].shown) && u.port == good[i].port && u.tls == good[i].tls);
		rmq_url_free(&u);
	}
}

TEST(malformed_urls_are_refused)
{
	static const char *const bad[] = { "", "h", "http://h", "amqp:h", "amqp://", "amqp:///v",
		"amqp://h:0", "amqp://h:65536", "amqp://h:", "amqp://h:1x", "amqp://h/a/b",
		"amqp://h/%2", "amqp://%zz@h", "amqp://u:%1@h", "amqp://u:%00@h", "amqp://h/%00",
		"amqp://h?x=1", "amqp://h#x", "amqp://h /", "amqp://h\n", "amqp://\303\251", "amqp://[::1",
		"amqp://[]", "amqp://[x]", "amqp://[::1]x", "amqp://a b", "AMQP://h", "amqp://h,i",
		"amqp://u/p:w@h" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct rmq_url u;
		const char *why = NULL;

		if (rmq_url_parse(unit_guard(slice_str(bad[i])), &u, &why) == 0)
			printf("# taken: %s\n", bad[i]);
		CHECK(why && !u.host && !u.shown && !u.password);
		rmq_url_free(&u);
	}
}

int
main(void)
{
	RUN(urls_are_taken_apart);
	RUN(malformed_urls_are_refused);
	return unit_done();
}
