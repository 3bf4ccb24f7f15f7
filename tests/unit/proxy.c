/* Client addresses: cmd/ws-serve/proxy.c, peers.c. */
#include "unit.h"

#include "../../cmd/ws-serve/peers.c"
#include "../../cmd/ws-serve/proxy.c"

static struct peer_address
address(const char *text)
{
	struct peer_address a;
	struct slice bare;

	CHECK(proxy_address(slice_str(text), &a, &bare));
	return a;
}

TEST(addresses_are_read_with_and_without_ports)
{
	static const struct {
		const char *text, *bare;
	} good[] = {
		{ "10.0.0.7", "10.0.0.7" }, { "10.0.0.7:51234", "10.0.0.7" }, { "::1", "::1" },
		{ "[::1]", "::1" }, { "[2001:db8::1]:80", "2001:db8::1" },
	};
	static const char *const bad[] = {
		"", "unknown", "10.0.0", "10.0.0.256", "10.0.0.7:", "10.0.0.7:x", "10.0.0.7:123456", "[::1",
		"[::1]80", "[]", "::1%lo", "_hidden", "1.2.3.4 5",
	};
	struct peer_address a;
	struct slice bare;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		CHECK(proxy_address(unit_guard(slice_str(good[i].text)), &a, &bare));
		CHECK_SLICE(bare, slice_str(good[i].bare));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!proxy_address(unit_guard(slice_str(bad[i])), &a, &bare));
}

TEST(an_ipv4_address_is_the_same_when_it_is_mapped)
{
	struct peer_address a = address("10.0.0.7"), b = address("::ffff:10.0.0.7");

	CHECK(memcmp(&a, &b, sizeof a) == 0);
}

TEST(nets_trust_what_is_in_them)
{
	struct proxy p = { 0 };
	static const char *const in[] = { "10.1.2.3", "192.168.1.127", "::1", "2001:db8:ff::1" };
	static const char *const out[] = { "11.0.0.1", "192.168.1.128", "::2", "2001:db9::1" };

	CHECK(proxy_add(&p, "10.0.0.0/8") == NULL && proxy_add(&p, "192.168.1.0/25") == NULL);
	CHECK(proxy_add(&p, "::1") == NULL && proxy_add(&p, "2001:db8::/32") == NULL);
	for (size_t i = 0; i < 4; i++) {
		struct peer_address a = address(in[i]), b = address(out[i]);

		CHECK(proxy_trusts(&p, &a));
		CHECK(!proxy_trusts(&p, &b));
	}
	CHECK(!p.local && proxy_add(&p, "unix") == NULL && p.local);
	CHECK(proxy_add(&p, "10.0.0.0/33") && proxy_add(&p, "::/129") && proxy_add(&p, "10.0.0.0/"));
	CHECK(proxy_add(&p, "10.0.0.0/-1") && proxy_add(&p, "localhost") && proxy_add(&p, ""));
	proxy_free(&p);
}

TEST(the_client_is_the_rightmost_that_is_not_trusted)
{
	static const struct {
		const char *forwarded, *client;
	} cases[] = {
		{ "1.2.3.4", "1.2.3.4" },
		{ "6.6.6.6, 1.2.3.4", "1.2.3.4" },
		{ "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4" },
		{ "junk, 1.2.3.4:99, 10.0.0.1", "1.2.3.4" },
		{ "10.0.0.2,10.0.0.1", "10.0.0.2" },
		{ "[2001:db8::1]:443, 10.0.0.1", "2001:db8::1" },
		{ "1.2.3.4,,", "1.2.3.4" },
		{ "1.2.3.4, junk", NULL },
		{ "1.2.3.4, unknown, 10.0.0.1", NULL },
		{ "", NULL },
		{ " , ", NULL },
	};
	struct proxy p = { 0 };

	proxy_add(&p, "10.0.0.0/8");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct peer_address a;
		struct slice text;
		bool found = proxy_client(&p, unit_guard(slice_str(cases[i].forwarded)), &a, &text);

		CHECK(found == (cases[i].client != NULL));
		if (found && cases[i].client)
			CHECK_SLICE(text, slice_str(cases[i].client));
	}
	proxy_free(&p);
}

TEST(an_address_has_so_many_connections_at_a_time)
{
	struct num_rate none = { 0 };
	struct peers *p = peers_new(2, &none);
	struct peer_address a = address("1.2.3.4"), b = address("1.2.3.5");
	struct peer *first, *second;

	CHECK((first = peers_enter(p, &a)) != NULL);
	CHECK((second = peers_enter(p, &a)) == first && first);
	CHECK(!peers_enter(p, &a));
	CHECK(peers_enter(p, &b) != NULL);
	peers_left(p, second);
	CHECK(peers_enter(p, &a) != NULL);
	peers_left(p, NULL);
	peers_free(p);
}

TEST(requests_have_a_rate)
{
	struct num_rate rate = { .count = 1, .per_ms = 1000, .burst = 2 };
	struct peers *p = peers_new(0, &rate);
	struct peer_address a = address("1.2.3.4"), b = address("1.2.3.5");
	int64_t now = 1000000000, retry = 0;

	CHECK(peers_ask(p, &a, now, &retry));
	peers_left(p, peers_enter(p, &a));
	CHECK(peers_ask(p, &a, now, &retry));
	CHECK(!peers_ask(p, &a, now, &retry) && retry > 0 && retry <= 1000000);
	CHECK(peers_ask(p, &b, now, &retry));
	CHECK(peers_ask(p, &a, now + 1000000, &retry));
	peers_free(p);
}

TEST(ipv6_clients_count_by_their_net)
{
	struct num_rate none = { 0 };
	struct peers *p = peers_new(1, &none);
	struct peer_address a = address("2001:db8:1:2::1"), b = address("2001:db8:1:2:ffff::9"),
	    c = address("2001:db8:1:3::1");

	CHECK(peers_enter(p, &a) != NULL);
	CHECK(!peers_enter(p, &b));
	CHECK(peers_enter(p, &c) != NULL);
	peers_free(p);
}

TEST(addresses_that_left_are_forgotten)
{
	struct num_rate rate = { .count = 10, .per_ms = 1000, .burst = 10 };
	struct peers *p = peers_new(0, &rate);
	int64_t retry;

	for (uint32_t i = 0; i < 5000; i++) {
		struct peer_address a = address("1.2.3.4");

		memcpy(a.bytes + 12, &i, 4);
		CHECK(peers_ask(p, &a, (int64_t)i * 1000000, &retry));
		peers_left(p, peers_enter(p, &a));
	}
	CHECK(p->table.n < 10);
	peers_free(p);
}

int
main(void)
{
	RUN(addresses_are_read_with_and_without_ports);
	RUN(an_ipv4_address_is_the_same_when_it_is_mapped);
	RUN(nets_trust_what_is_in_them);
	RUN(the_client_is_the_rightmost_that_is_not_trusted);
	RUN(an_address_has_so_many_connections_at_a_time);
	RUN(requests_have_a_rate);
	RUN(ipv6_clients_count_by_their_net);
	RUN(addresses_that_left_are_forgotten);
	return unit_done();
}
