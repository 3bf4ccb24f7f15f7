#include "jwk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base64.h"
#include "io.h"
#include "js.h"
#include "jwk_key.h"
#include "mem.h"

const char *const jwk_encodings[] = { "raw", "base64", "base64url", NULL };
enum { RAW, BASE64, BASE64URL };

#define KIND(k) (1u << JWK_##k)

static const struct jwk_alg_info algs[JWK_ALGS] = {
	[JWK_HS256] = { "HS256", JWK_HMAC, "SHA256", 32, 0, KIND(SECRET) },
	[JWK_HS384] = { "HS384", JWK_HMAC, "SHA384", 48, 0, KIND(SECRET) },
	[JWK_HS512] = { "HS512", JWK_HMAC, "SHA512", 64, 0, KIND(SECRET) },
	[JWK_RS256] = { "RS256", JWK_PKCS1, "SHA256", 32, 0, KIND(RSA) },
	[JWK_RS384] = { "RS384", JWK_PKCS1, "SHA384", 48, 0, KIND(RSA) },
	[JWK_RS512] = { "RS512", JWK_PKCS1, "SHA512", 64, 0, KIND(RSA) },
	[JWK_PS256] = { "PS256", JWK_PSS, "SHA256", 32, 0, KIND(RSA) },
	[JWK_PS384] = { "PS384", JWK_PSS, "SHA384", 48, 0, KIND(RSA) },
	[JWK_PS512] = { "PS512", JWK_PSS, "SHA512", 64, 0, KIND(RSA) },
	[JWK_ES256] = { "ES256", JWK_ECDSA, "SHA256", 32, 32, KIND(P256) },
	[JWK_ES384] = { "ES384", JWK_ECDSA, "SHA384", 48, 48, KIND(P384) },
	[JWK_ES512] = { "ES512", JWK_ECDSA, "SHA512", 64, 66, KIND(P521) },
	[JWK_EDDSA] = { "EdDSA", JWK_ED, NULL, 0, 0, KIND(ED25519) },
};

const struct jwk_alg_info *
jwk_alg_info(enum jwk_alg alg)
{
	return &algs[alg];
}

const char *
jwk_alg_name(enum jwk_alg alg)
{
	return algs[alg].name;
}

int
jwk_alg_find(struct slice name)
{
	for (int i = 0; i < JWK_ALGS; i++)
		if (slice_is(name, algs[i].name))
			return i;
	return -1;
}

int
jwk_alg_list(const char *list, uint32_t *mask)
{
	struct slice rest = slice_str(list);
	bool more = true;

	while (more) {
		more = slice_find(rest, ',') < rest.n;
		int alg = jwk_alg_find(slice_trim(slice_cut(&rest, ',')));

		if (alg < 0)
			return -1;
		*mask |= 1u << alg;
	}
	return 0;
}

struct slice
jwk_kid(const struct jwk *key)
{
	return key->has_kid ? slice_of(key->kid.p ? key->kid.p : "", key->kid.n) : slice_of(NULL, 0);
}

uint32_t
jwk_algs(const struct jwk *key)
{
	return key->algs;
}

void
jwk_wipe(struct buf *b)
{
	if (b->p)
		OPENSSL_cleanse(b->p, b->cap);
	buf_free(b);
}

void
jwk_free(struct jwk *key)
{
	if (!key)
		return;
	for (int i = 0; i < JWK_ALGS; i++)
		jwk_ready_free(&key->ready[i]);
	EVP_PKEY_free(key->pkey);
	jwk_wipe(&key->secret);
	buf_free(&key->kid);
	free(key);
}

void
jwk_set_free(struct jwk_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		jwk_free(set->v[i]);
	free(set->v);
	*set = (struct jwk_set){ 0 };
}

static uint32_t
algs_of(enum jwk_kind kind)
{
	uint32_t mask = 0;

	for (int i = 0; i < JWK_ALGS; i++)
		if (algs[i].kinds >> kind & 1)
			mask |= 1u << i;
	return mask;
}

struct jwk *
jwk_new_secret(struct buf *secret)
{
	struct jwk *key = mem_zero(1, sizeof(*key));

	key->kind = JWK_SECRET;
	key->has_private = true;
	key->algs = algs_of(JWK_SECRET);
	key->secret = *secret;
	*secret = (struct buf){ 0 };
	return key;
}

/* The kind of a public key, or -1 with *why. ES256 is P-256 and nothing else (RFC 7518
 * 3.4), so a curve is a kind. */
static int
kind_of(EVP_PKEY *pkey, const char **why)
{
	static const struct {
		const char *group;
		enum jwk_kind kind;
	} curves[] = { { "prime256v1", JWK_P256 }, { "secp384r1", JWK_P384 },
		{ "secp521r1", JWK_P521 } };
	char group[64];
	size_t n;
	int bits;

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		bits = EVP_PKEY_get_bits(pkey);
		if (bits >= 2048 && bits <= JWK_SIG_MAX * 8)
			return JWK_RSA;
		*why = bits < 2048 ? "an RSA key of less than 2048 bits"
			: "an RSA key of more than 16384 bits";
		return -1;
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) == 1)
			for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
				if (strcmp(group, curves[i].group) == 0)
					return (int)curves[i].kind;
		*why = "an EC key that is not on P-256, P-384 or P-521";
		return -1;
	case EVP_PKEY_ED25519:
		return JWK_ED25519;
	default:
		*why = "a key that is not RSA, EC or Ed25519";
		return -1;
	}
}

struct jwk *
jwk_new_pkey(EVP_PKEY *pkey, bool has_private, const char **why)
{
	int kind = kind_of(pkey, why);
	EVP_PKEY_CTX *check = EVP_PKEY_CTX_new(pkey, NULL);
	struct jwk *key;

	if (kind >= 0 && (!check || EVP_PKEY_public_check(check) != 1 ||
		(has_private && EVP_PKEY_pairwise_check(check) != 1))) {
		*why = "a key whose numbers do not make one";
		kind = -1;
	}
	EVP_PKEY_CTX_free(check);
	ERR_clear_error();
	if (kind < 0) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key = mem_zero(1, sizeof(*key));
	key->kind = (enum jwk_kind)kind;
	key->has_private = has_private;
	key->algs = algs_of(key->kind);
	key->pkey = pkey;
	return key;
}

/* A secret out of the content of a file or variable. NULL with *why. */
static struct jwk *
from_secret(struct slice text, int encoding, const char **why)
{
	struct buf secret = { 0 };
	struct slice body = encoding == RAW ? text : slice_trim(text);
	int rc = 0;

	switch (encoding) {
	case RAW:
		buf_slice(&secret, body);
		break;
	case BASE64:
		rc = base64_get(&secret, body);
		break;
	case BASE64URL:
		rc = base64url_get(&secret, body);
		break;
	}
	*why = rc ? "not in the encoding that --key-encoding names"
		: !secret.n ? "an empty secret" : jwk_published(buf_view(&secret));
	if (*why) {
		jwk_wipe(&secret);
		return NULL;
	}
	return jwk_new_secret(&secret);
}

/* Narrow the algorithms of a new key as the sources say, and append it. -1 with *why when
 * no algorithm is left; the key is then freed. *note is set to what may be said of it. */
static int
admit(struct jwk_set *set, struct jwk *key, const struct jwk_sources *from, const char **why,
    const char **note)
{
	uint32_t fits = 0;

	if (from->algs)
		key->algs &= from->algs;
	for (int i = 0; i < JWK_ALGS; i++)
		if (key->algs >> i & 1 && key->secret.n >= algs[i].hash)
			fits |= 1u << i;
	if (set->n == JWK_KEYS)
		*why = "more than 256 keys";
	else if (!key->algs)
		*why = "no algorithm of --alg fits this key";
	else if (from->sign && !key->has_private)
		*why = "a public key: signing needs the private one";
	else if (key->kind == JWK_SECRET && from->strict && !fits)
		*why = "a secret shorter than the hash (RFC 7518 3.2)";
	if (*why) {
		jwk_free(key);
		return -1;
	}
	if (key->kind == JWK_SECRET && from->strict)
		key->algs = fits;
	if (key->kind == JWK_SECRET && !fits)
		*note = "a secret shorter than the hash (RFC 7518 3.2) can be guessed";
	else if (key->kind != JWK_SECRET && key->has_private && !from->sign)
		*note = "holds a private key; only its public half is used";
	set->v = mem_resize(set->v, set->n + 1, sizeof(struct jwk *));
	set->v[set->n++] = key;
	return 0;
}

static void
warn(const struct jwk_sources *from, const char *name, const char *what, const char *note)
{
	if (note && from->warn)
		from->warn("%s: %s%s", name, what, note);
}

/* A secret or PEM. */
static const char *
add_key(struct jwk_set *set, const char *name, struct slice text, const struct jwk_sources *from)
{
	const char *why = NULL, *note = NULL;
	struct jwk *key = memmem(text.p, text.n, "-----BEGIN", 10) ? jwk_from_pem(text, &why)
		: from_secret(text, from->encoding, &why);

	if (!key || admit(set, key, from, &why, &note))
		return why;
	warn(from, name, "", note);
	return NULL;
}

/* One member of a JWK set. What cannot be used is left out (RFC 7517 5). */
static void
add_jwk(struct jwk_set *set, const char *name, struct slice object, const struct jwk_sources *from)
{
	const char *why = NULL, *note = NULL;
	bool harmless = false;
	struct jwk *key = jwk_from_json(object, from->sign, &why, &harmless);

	if (key && from->algs && !(key->algs & from->algs))
		jwk_free(key); /* as --alg wants it */
	else if (key && admit(set, key, from, &why, &note) == 0)
		warn(from, name, "", note);
	else if (!harmless)
		warn(from, name, "a key is left out: ", why);
}

static const char *
add_set(struct jwk_set *set, const char *name, struct slice text, const struct jwk_sources *from)
{
	struct slice keys, none, val;
	size_t before = set->n;

	if (!js_valid(text, NULL))
		return "not JSON";
	text = slice_trim(text);
	keys = js_get(text, S("keys"));
	if (js_type(keys) == JS_ARRAY) {
		for (struct js_walk w = js_walk(keys); js_next(&w, &none, &val);)
			add_jwk(set, name, val, from);
	} else if (js_get(text, S("kty")).n) {
		add_jwk(set, name, text, from);
	} else {
		return "neither a JWK nor a JWK set";
	}
	return set->n == before ? "no key that can be used" : NULL;
}

/* What was read of one source (rc: how that went) becomes keys, and is wiped. */
static int
add_source(struct jwk_set *set, const char *name, int rc, struct buf *text, bool is_set,
    const struct jwk_sources *from, struct buf *why)
{
	const char *reason = rc ? errno == ENODATA ? "empty or not there" : strerror(errno)
		: is_set ? add_set(set, name, buf_view(text), from)
		: add_key(set, name, buf_view(text), from);

	jwk_wipe(text);
	if (reason)
		buf_fmt(why, "%s: %s", name, reason);
	return reason ? -1 : 0;
}

int
jwk_load(struct jwk_set *set, const struct jwk_sources *from, struct buf *why)
{
	struct buf text = { 0 };
	int rc = 0;

	for (int i = 0; i < from->files.n && !rc; i++) {
		rc = io_secret_file(from->files.v[i], &text);
		rc = add_source(set, from->files.v[i], rc, &text, false, from, why);
	}
	for (int i = 0; i < from->envs.n && !rc; i++) {
		rc = io_secret_env(from->envs.v[i], &text);
		rc = add_source(set, from->envs.v[i], rc, &text, false, from, why);
	}
	for (int i = 0; i < from->sets.n && !rc; i++) {
		rc = io_read_file(from->sets.v[i], JWK_FILE_MAX, &text);
		rc = add_source(set, from->sets.v[i], rc, &text, true, from, why);
	}
	if (rc)
		jwk_set_free(set);
	return rc;
}
