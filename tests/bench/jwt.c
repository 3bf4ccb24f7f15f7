/* jwt - how much of OpenSSL's bare rate is left when a whole token is checked: its
 * signature, form, claims and all. Each round measures every contender in turn, so that
 * a busy machine slows them alike; the median of the rounds' ratios is printed. */
#include "tok.h"

#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base64.h"
#include "msg.h"

#define SECRET "0123456789abcdef0123456789abcdef"

enum { ROUNDS = 9, TOKENS = 512 };

static const char *header;
static struct buf tokens[TOKENS];
static size_t input_n[TOKENS]; /* bytes before the second dot */
static struct buf sigs[TOKENS];
static EVP_PKEY *pkey;
static struct jwk_set keys;
static struct tok *checker;
static EVP_PKEY_CTX *kept_pkey;
static EVP_MAC_CTX *kept_mac;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
need(int ok, const char *what)
{
	if (!ok)
		msg_die(6, "%s failed", what);
}

/* --- contenders: each verifies token i --- */

static void
whole(int i)
{
	struct tok_verdict v;

	tok_check(checker, &keys, buf_view(&tokens[i]), 1800000000000, &v);
	need(tok_good(&v), "tok_check");
}

static void
one_shot_hmac(int i)
{
	unsigned char md[64];
	unsigned n;

	need(HMAC(EVP_sha256(), SECRET, 32, (unsigned char *)tokens[i].p, input_n[i], md, &n) != NULL,
	    "HMAC");
	need(memcmp(md, sigs[i].p, 32) == 0, "HMAC");
}

static void
kept_hmac(int i)
{
	unsigned char md[64];
	size_t n;

	need(EVP_MAC_init(kept_mac, NULL, 0, NULL) &&
		EVP_MAC_update(kept_mac, (unsigned char *)tokens[i].p, input_n[i]) &&
		EVP_MAC_final(kept_mac, md, &n, sizeof(md)) && memcmp(md, sigs[i].p, 32) == 0, "EVP_MAC");
}

static void
kept_rsa(int i)
{
	unsigned char md[64];
	unsigned n;

	need(EVP_Digest(tokens[i].p, input_n[i], md, &n, EVP_sha256(), NULL) == 1 &&
		EVP_PKEY_verify(kept_pkey, (unsigned char *)sigs[i].p, sigs[i].n, md, n) == 1, "RSA");
}

static void
libjwt_secret(int i)
{
	jwt_t *jwt = NULL;

	need(jwt_decode(&jwt, tokens[i].p, (const unsigned char *)SECRET, 32) == 0, "libjwt");
	jwt_free(jwt);
}

static char *public_pem;

static void
libjwt_pem(int i)
{
	jwt_t *jwt = NULL;

	need(jwt_decode(&jwt, tokens[i].p, (unsigned char *)public_pem, (int)strlen(public_pem)) == 0,
	    "libjwt");
	jwt_free(jwt);
}

/* --- measuring --- */

static double
rate(void (*verify)(int i), int n)
{
	double start = now();

	for (int i = 0; i < n; i++)
		verify(i % TOKENS);
	return n / (now() - start);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

struct contender {
	const char *name;
	void (*verify)(int i);
	int n; /* verifications a round */
};

/* Contender 0 is ours. */
static void
run(const char *alg, const struct contender *c, int count)
{
	double rates[4][ROUNDS], ratio[4][ROUNDS];

	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < count; i++)
			rates[i][r] = rate(c[i].verify, c[i].n);
	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < count; i++)
			ratio[i][r] = rates[0][r] / rates[i][r];
	for (int i = 0; i < count; i++) {
		double of = median(ratio[i]) * 100;

		printf("%-6s %-38s %9.0f/s", alg, c[i].name, median(rates[i]));
		if (i)
			printf("   jwt-check has %.0f %% of it", of);
		putchar('\n');
	}
}

/* Tokens as a gateway sees them, a few hundred different users. */
static void
make_tokens(enum jwk_alg alg)
{
	for (int i = 0; i < TOKENS; i++) {
		struct buf *b = &tokens[i], claims = { 0 };

		buf_clear(b);
		buf_clear(&sigs[i]);
		buf_fmt(&claims, "{\"userId\":\"user-%d\",\"role\":\"USER\",\"iat\":1799990000,"
			"\"exp\":1800009000}", i);
		base64url_put(b, slice_str(header));
		buf_byte(b, '.');
		base64url_put(b, buf_view(&claims));
		input_n[i] = b->n;
		need(jwk_sign(keys.v[0], alg, buf_view(b), &sigs[i]) == 0, "signing");
		buf_byte(b, '.');
		base64url_put(b, buf_view(&sigs[i]));
		buf_cstr(b);
		buf_free(&claims);
	}
}

static void
load(const char *text)
{
	struct jwk_sources from = { .sign = true };
	struct opt add = { .var = &from.envs };
	struct buf notes = { 0 };

	setenv("BENCH_JWT_KEY", text, 1);
	opt_append(&add, "BENCH_JWT_KEY");
	jwk_set_free(&keys);
	need(jwk_load(&keys, &from, &notes) == 0, "loading a key");
	free(from.envs.v);
	buf_free(&notes);
}

static char *
pem(bool with_private)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p;

	if (with_private)
		PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_PUBKEY(out, pkey);
	BIO_write(out, "", 1);
	BIO_get_mem_data(out, &p);
	return p; /* lives as long as the program */
}

int
main(void)
{
	static const struct tok_policy nothing;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	const struct contender hs[] = {
		{ "jwt-check, whole token", whole, 60000 },
		{ "OpenSSL HMAC(), signature alone", one_shot_hmac, 60000 },
		{ "OpenSSL EVP_MAC with the key kept", kept_hmac, 60000 },
		{ "libjwt jwt_decode()", libjwt_secret, 20000 },
	};
	const struct contender rs[] = {
		{ "jwt-check, whole token", whole, 2000 },
		{ "OpenSSL EVP_PKEY_verify, signature alone", kept_rsa, 2000 },
		{ "libjwt jwt_decode()", libjwt_pem, 200 },
	};

	checker = tok_new(&nothing);

	header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	load(SECRET);
	kept_mac = EVP_MAC_CTX_new(EVP_MAC_fetch(NULL, "HMAC", NULL));
	need(EVP_MAC_init(kept_mac, (const unsigned char *)SECRET, 32, params), "EVP_MAC_init");
	make_tokens(JWK_HS256);
	run("HS256", hs, 4);

	header = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	pkey = EVP_RSA_gen(2048);
	load(pem(true));
	public_pem = pem(false);
	kept_pkey = EVP_PKEY_CTX_new(pkey, NULL);
	need(EVP_PKEY_verify_init(kept_pkey) > 0 &&
		EVP_PKEY_CTX_set_signature_md(kept_pkey, EVP_sha256()) > 0, "EVP_PKEY_verify_init");
	make_tokens(JWK_RS256);
	run("RS256", rs, 3);
	return 0;
}
