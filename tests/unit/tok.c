#include "tok.h"

#include <jwt.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base64.h"
#include "js.h"
#include "unit.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static const struct tok_policy anything;

/* A set with one key: `text` is the content of a key file, `algs` what --alg says. */
static struct jwk_set
load_for(const char *text, bool sign, uint32_t algs)
{
	struct jwk_set set = { 0 };
	struct jwk_sources from = { .sign = sign, .algs = algs };
	struct opt add = { .var = &from.envs };
	struct buf notes = { 0 };

	setenv("TOK_TEST_KEY", text, 1);
	opt_append(&add, "TOK_TEST_KEY");
	if (jwk_load(&set, &from, &notes))
		printf("# %s\n", buf_cstr(&notes));
	free(from.envs.v);
	buf_free(&notes);
	return set;
}

static struct jwk_set
load(const char *text, bool sign)
{
	return load_for(text, sign, 0);
}

/* "header.payload" in base64url, and a good HS256 signature of it. */
static void
mint(struct buf *b, struct jwk_set *set, const char *header, const char *payload)
{
	struct buf sig = { 0 };

	buf_clear(b);
	base64url_put(b, slice_str(header));
	buf_byte(b, '.');
	base64url_put(b, slice_str(payload));
	CHECK(jwk_sign(set->v[0], JWK_HS256, buf_view(b), &sig) == 0);
	buf_byte(b, '.');
	base64url_put(b, buf_view(&sig));
	buf_free(&sig);
}

static bool
good(struct tok *t, const struct jwk_set *set, struct slice token)
{
	struct tok_verdict v;

	tok_check(t, set, token, 1800000000000, &v);
	return tok_good(&v);
}

TEST(algorithms_have_their_names_and_nothing_else_has_one)
{
	uint32_t mask = 0;

	for (int i = 0; i < JWK_ALGS; i++)
		CHECK(jwk_alg_find(slice_str(jwk_alg_name((enum jwk_alg)i))) == i);
	CHECK(jwk_alg_find(S("none")) == -1 && jwk_alg_find(S("hs256")) == -1);
	CHECK(jwk_alg_find(S("HS256 ")) == -1 && jwk_alg_find(S("")) == -1);
	CHECK(jwk_alg_list("HS256, EdDSA", &mask) == 0);
	CHECK(mask == (1u << JWK_HS256 | 1u << JWK_EDDSA));
	CHECK(jwk_alg_list("HS256,", &mask) == -1 && jwk_alg_list("", &mask) == -1);
}

TEST(members_are_unique_or_not)
{
	static const struct {
		const char *json;
		bool unique;
	} cases[] = {
		{ "{}", true }, { "[]", true }, { "1", true }, { "\"a\"", true },
		{ "{\"a\":1,\"b\":1}", true }, { "{\"a\":1,\"a\":1}", false },
		{ "{\"a\" : 1 , \"a\"\n:1}", false }, { "{\"a\":{\"a\":{\"a\":1}}}", true },
		{ "[{\"a\":1},{\"a\":1}]", true }, { "{\"x\":[{\"a\":1,\"b\":2,\"a\":3}]}", false },
		{ "{\"a\":1,\"\\u0061\":1}", false }, { "{\"a\":\"a\",\"b\":\"a\"}", true },
		{ "{\"\":1,\"\":1}", false }, { "{\"\\\"\":1,\"\\u0022\":1}", false },
		{ "{\"a\":1,\"a\\u0000\":1}", true }, { "{\"a\":{\"b\":1},\"b\":1,\"c\":{\"b\":1}}", true },
		{ "{\"k\":\"}\",\"k\":1}", false }, { "{\"a\":\"\\\":\",\"b\":1}", true },
		/* more members than are compared pair by pair */
		{ "{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,\"k\":0,"
		  "\"l\":0,\"m\":0,\"n\":0,\"o\":{\"a\":0,\"b\":0,\"c\":0,\"d\":0}}", true },
		{ "{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,\"k\":0,"
		  "\"l\":0,\"m\":0,\"n\":0,\"o\":{\"a\":0,\"b\":0,\"c\":0,\"b\":0}}", false },
	};
	struct buf scratch = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice json = unit_guard(slice_str(cases[i].json));

		CHECK(js_valid(json, NULL));
		if (tok_unique(json, &scratch) != cases[i].unique)
			printf("# wrong: %s\n", cases[i].json), unit_ok = false;
	}
	buf_free(&scratch);
}

TEST(a_claim_is_found_by_name_before_path)
{
	struct slice p = unit_guard(S(" {\"a.b\":1,\"a\":{\"b\":2,\"c\":{\"d\":3}},\"n\":null} "));

	CHECK_SLICE(tok_claim(p, S("a.b")), S("1"));
	CHECK_SLICE(tok_claim(p, S("a.c.d")), S("3"));
	CHECK_SLICE(tok_claim(p, S("n")), S("null"));
	CHECK(tok_claim(p, S("a.x")).n == 0 && tok_claim(p, S("n.x")).n == 0);
	CHECK(tok_claim(p, S("a.c.d.e")).n == 0);
}

TEST(no_token_that_differs_in_one_byte_is_good)
{
	struct jwk_set set = load(SECRET, true);
	struct tok *t = tok_new(&anything);
	struct buf b = { 0 };

	mint(&b, &set, "{\"alg\":\"HS256\"}", "{\"sub\":\"u1\"}");
	CHECK(good(t, &set, unit_guard(buf_view(&b))));
	for (size_t i = 0; i < b.n; i++) {
		char was = b.p[i];

		for (int c = 0; c < 256; c++) {
			b.p[i] = (char)c;
			if ((char)c != was && good(t, &set, buf_view(&b)))
				printf("# good with byte %zu as %02x\n", i, (unsigned)c), unit_ok = false;
		}
		b.p[i] = was;
	}
	CHECK(good(t, &set, buf_view(&b)));
	tok_free(t);
	jwk_set_free(&set);
	buf_free(&b);
}

TEST(no_truncation_of_a_token_is_good_or_read_beyond)
{
	struct jwk_set set = load(SECRET, true);
	struct tok *t = tok_new(&anything);
	struct buf b = { 0 };

	mint(&b, &set, "{\"alg\":\"HS256\",\"kid\":\"a\"}", "{\"sub\":\"u1\",\"exp\":1900000000}");
	for (size_t n = 0; n < b.n; n++)
		CHECK(!good(t, &set, unit_guard(slice_of(b.p, n))));
	CHECK(good(t, &set, unit_guard(buf_view(&b))));
	tok_free(t);
	jwk_set_free(&set);
	buf_free(&b);
}

TEST(a_header_is_not_remembered_for_another_token)
{
	struct jwk_set set = load(SECRET, true);
	struct tok *t = tok_new(&anything);
	struct buf ok = { 0 }, none = { 0 }, crit = { 0 }, same_length = { 0 };

	mint(&ok, &set, "{\"alg\":\"HS256\"}", "{\"sub\":\"u1\"}");
	mint(&none, &set, "{\"alg\":\"none\"}", "{\"sub\":\"u1\"}");
	mint(&crit, &set, "{\"alg\":\"HS256\",\"crit\":[\"x\"]}", "{\"sub\":\"u1\"}");
	mint(&same_length, &set, "{\"alg\":\"HS384\"}", "{\"sub\":\"u1\"}");
	for (int i = 0; i < 3; i++) {
		CHECK(good(t, &set, buf_view(&ok)));
		CHECK(!good(t, &set, buf_view(&same_length)));
		CHECK(good(t, &set, buf_view(&ok)));
		CHECK(!good(t, &set, buf_view(&none)));
		CHECK(!good(t, &set, buf_view(&none)));
		CHECK(good(t, &set, buf_view(&ok)));
		CHECK(!good(t, &set, buf_view(&crit)));
		CHECK(!good(t, &set, S("..")));
	}
	tok_free(t);
	jwk_set_free(&set);
	buf_free(&ok);
	buf_free(&none);
	buf_free(&crit);
	buf_free(&same_length);
}

TEST(a_verdict_does_not_outlive_its_token)
{
	struct jwk_set set = load(SECRET, true);
	struct tok *t = tok_new(&anything);
	struct tok_verdict v;
	struct buf b = { 0 };

	mint(&b, &set, "{\"alg\":\"HS256\"}", "{\"sub\":\"u1\",\"exp\":1900000000}");
	tok_check(t, &set, buf_view(&b), 0, &v);
	CHECK(tok_good(&v) && v.expires == 1900000000);
	CHECK_SLICE(v.user, S("\"u1\""));
	tok_check(t, &set, S("a.b"), 0, &v);
	CHECK(!tok_good(&v) && v.expires == -1 && !v.user.n && !v.claims.n);
	tok_free(t);
	jwk_set_free(&set);
	buf_free(&b);
}

TEST(only_so_many_keys_are_tried_for_a_token_that_names_none)
{
	struct jwk_set one = load(SECRET, true), many = { 0 };
	struct jwk_sources from = { 0 };
	struct opt add = { .var = &from.envs };
	struct tok *t = tok_new(&anything);
	struct buf b = { 0 }, notes = { 0 };

	setenv("TOK_TEST_OTHER", "another secret of thirty-two bytes", 1);
	setenv("TOK_TEST_KEY", SECRET, 1);
	for (int i = 0; i < TOK_TRIES - 1; i++)
		opt_append(&add, "TOK_TEST_OTHER");
	opt_append(&add, "TOK_TEST_KEY");
	mint(&b, &one, "{\"alg\":\"HS256\"}", "{}");
	CHECK(jwk_load(&many, &from, &notes) == 0);
	CHECK(good(t, &many, buf_view(&b)));
	jwk_set_free(&many);
	from.envs.v[TOK_TRIES - 1] = "TOK_TEST_OTHER";
	opt_append(&add, "TOK_TEST_KEY");
	CHECK(jwk_load(&many, &from, &notes) == 0);
	CHECK(!good(t, &many, buf_view(&b)));
	jwk_set_free(&many);
	jwk_set_free(&one);
	free(from.envs.v);
	tok_free(t);
	buf_free(&notes);
	buf_free(&b);
}

/* PEM text of a key; static, until the next call. */
static const char *
pem(EVP_PKEY *pkey, bool with_private)
{
	static char text[8192];
	BIO *out = BIO_new(BIO_s_mem());
	int n;

	if (with_private)
		PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_PUBKEY(out, pkey);
	n = BIO_read(out, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	BIO_free(out);
	return text;
}

/* Both ways: libjwt believes what we sign, we believe what it signs. */
static void
agree(EVP_PKEY *pkey, enum jwk_alg alg, jwt_alg_t theirs)
{
	struct jwk_set priv = load(pkey ? pem(pkey, true) : SECRET, true);
	struct jwk_set pub = load(pkey ? pem(pkey, false) : SECRET, false);
	const char *key = pkey ? pem(pkey, false) : SECRET;
	/* A fraction keeps tok_sign from using libjwt itself. */
	struct slice claims[] = { S("{\"sub\":\"u1\"}"), S("{\"sub\":\"u1\",\"x\":0.5}") };
	struct tok *t = tok_new(&anything);
	struct buf b = { 0 };

	for (int i = 0; i < 2; i++) {
		jwt_t *jwt = NULL;

		buf_clear(&b);
		CHECK(tok_sign(priv.v[0], alg, slice_of(NULL, 0), claims[i], &b) == 0);
		CHECK(good(t, &pub, buf_view(&b)));
		CHECK(jwt_decode(&jwt, buf_cstr(&b), (const unsigned char *)key, (int)strlen(key)) == 0);
		CHECK(jwt && jwt_get_alg(jwt) == theirs);
		jwt_free(jwt);
	}
	tok_free(t);
	jwk_set_free(&priv);
	jwk_set_free(&pub);
	buf_free(&b);
}

TEST(libjwt_and_we_believe_each_other)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	EVP_PKEY *ec[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-384"), EVP_EC_gen("P-521") };

	for (int i = 0; i < 3; i++) {
		agree(NULL, JWK_HS256 + (enum jwk_alg)i, JWT_ALG_HS256 + (jwt_alg_t)i);
		agree(rsa, JWK_RS256 + (enum jwk_alg)i, JWT_ALG_RS256 + (jwt_alg_t)i);
		agree(ec[i], JWK_ES256 + (enum jwk_alg)i, JWT_ALG_ES256 + (jwt_alg_t)i);
		EVP_PKEY_free(ec[i]);
	}
	EVP_PKEY_free(rsa);
}

TEST(a_key_signs_and_verifies_by_its_own_algorithms_only)
{
	struct jwk_set set = load(SECRET, true);
	struct buf sig = { 0 };

	for (int i = JWK_RS256; i < JWK_ALGS; i++) {
		CHECK(jwk_sign(set.v[0], (enum jwk_alg)i, S("x"), &sig) == -1 && sig.n == 0);
		CHECK(!jwk_verify(set.v[0], (enum jwk_alg)i, S("x"), S("y")));
	}
	CHECK(jwk_sign(set.v[0], JWK_HS512, S("x"), &sig) == 0 && sig.n == 64);
	CHECK(jwk_verify(set.v[0], JWK_HS512, S("x"), buf_view(&sig)));
	CHECK(!jwk_verify(set.v[0], JWK_HS512, S("x"), slice_of(sig.p, 32)));
	CHECK(!jwk_verify(set.v[0], JWK_HS512, S("x"), S("")));
	CHECK(!jwk_verify(set.v[0], JWK_HS256, S("x"), buf_view(&sig)));
	CHECK(!jwk_verify(set.v[0], JWK_HS512, S("X"), buf_view(&sig)));
	jwk_set_free(&set);
	set = load_for(SECRET, true, 1u << JWK_HS256);
	CHECK(!jwk_verify(set.v[0], JWK_HS512, S("x"), buf_view(&sig)));
	CHECK(jwk_sign(set.v[0], JWK_HS512, S("x"), &sig) == -1);
	jwk_set_free(&set);
	buf_free(&sig);
}

TEST(a_signature_has_its_full_length_and_no_more)
{
	EVP_PKEY *pkey[] = { EVP_RSA_gen(2048), EVP_EC_gen("P-256"), EVP_EC_gen("P-521"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
	static const enum jwk_alg algs[] = { JWK_PS256, JWK_ES256, JWK_ES512, JWK_EDDSA };

	for (int i = 0; i < 4; i++) {
		struct jwk_set set = load(pem(pkey[i], true), true);
		struct buf sig = { 0 };

		CHECK(jwk_sign(set.v[0], algs[i], S("x"), &sig) == 0);
		CHECK(jwk_verify(set.v[0], algs[i], S("x"), unit_guard(buf_view(&sig))));
		for (size_t n = 0; n < sig.n; n++)
			CHECK(!jwk_verify(set.v[0], algs[i], S("x"), unit_guard(slice_of(sig.p, n))));
		buf_byte(&sig, 0);
		CHECK(!jwk_verify(set.v[0], algs[i], S("x"), unit_guard(buf_view(&sig))));
		sig.n--;
		CHECK(jwk_verify(set.v[0], algs[i], S("x"), unit_guard(buf_view(&sig))));
		buf_free(&sig);
		jwk_set_free(&set);
		EVP_PKEY_free(pkey[i]);
	}
}

int
main(void)
{
	RUN(algorithms_have_their_names_and_nothing_else_has_one);
	RUN(members_are_unique_or_not);
	RUN(a_claim_is_found_by_name_before_path);
	RUN(no_token_that_differs_in_one_byte_is_good);
	RUN(no_truncation_of_a_token_is_good_or_read_beyond);
	RUN(a_header_is_not_remembered_for_another_token);
	RUN(a_verdict_does_not_outlive_its_token);
	RUN(only_so_many_keys_are_tried_for_a_token_that_names_none);
	RUN(libjwt_and_we_believe_each_other);
	RUN(a_key_signs_and_verifies_by_its_own_algorithms_only);
	RUN(a_signature_has_its_full_length_and_no_more);
	return unit_done();
}
