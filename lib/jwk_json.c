/* JWK (RFC 7517) to keys: members of RFC 7518 6 and RFC 8037 2, base64url without
 * padding throughout. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base64.h"
#include "js.h"
#include "jwk_key.h"

/* Append the bytes of a base64url member. False when it is not there or malformed. */
static bool
bytes(struct slice object, struct slice name, struct buf *out)
{
	struct buf scratch = { 0 };
	struct slice text = js_text(js_get(object, name), &scratch);
	bool ok = text.p && text.n && base64url_get(out, text) == 0;

	jwk_wipe(&scratch);
	return ok;
}

static EVP_PKEY *
build(const char *type, OSSL_PARAM_BLD *bld, bool has_private)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
		EVP_PKEY_fromdata(ctx, &pkey, has_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
		    params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

/* RFC 7518 6.3. Of a private key all of the CRT numbers, or none of them. */
static EVP_PKEY *
rsa(struct slice object, bool *has_private)
{
	static const struct {
		const char *member, *param;
	} parts[] = {
		{ "n", OSSL_PKEY_PARAM_RSA_N }, { "e", OSSL_PKEY_PARAM_RSA_E },
		{ "d", OSSL_PKEY_PARAM_RSA_D }, { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 }, { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};
	enum { PARTS = sizeof(parts) / sizeof(*parts) };
	BIGNUM *numbers[PARTS] = { NULL };
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;
	bool ok = bld != NULL;
	int n = 2;

	*has_private = js_get(object, S("d")).n != 0;
	if (*has_private)
		n = js_get(object, S("p")).n ? PARTS : 3;
	for (int i = 0; i < n && ok; i++) {
		struct buf b = { 0 };

		ok = bytes(object, slice_str(parts[i].member), &b) &&
			(numbers[i] = BN_bin2bn((const unsigned char *)b.p, (int)b.n, NULL)) &&
			OSSL_PARAM_BLD_push_BN(bld, parts[i].param, numbers[i]);
		jwk_wipe(&b);
	}
	if (ok)
		pkey = build("RSA", bld, *has_private);
	for (int i = 0; i < PARTS; i++)
		BN_clear_free(numbers[i]);
	OSSL_PARAM_BLD_free(bld);
	return pkey;
}

/* RFC 7518 6.2: the octets of x, y and d have the full length of the curve. */
static EVP_PKEY *
ec(struct slice object, bool *has_private)
{
	static const struct {
		const char *crv;
		size_t part;
	} curves[] = { { "P-256", 32 }, { "P-384", 48 }, { "P-521", 66 } };
	struct buf scratch = { 0 }, point = { 0 }, priv = { 0 };
	struct slice crv = js_text(js_get(object, S("crv")), &scratch);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *d = NULL;
	EVP_PKEY *pkey = NULL;

	*has_private = js_get(object, S("d")).n != 0;
	buf_byte(&point, 4); /* an uncompressed point (SEC 1, 2.3.3) */
	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++) {
		size_t part = curves[i].part;

		if (!crv.p || !slice_is(crv, curves[i].crv) || !bld)
			continue;
		if (!bytes(object, S("x"), &point) || point.n != 1 + part ||
			!bytes(object, S("y"), &point) || point.n != 1 + 2 * part)
			break;
		if (*has_private && (!bytes(object, S("d"), &priv) || priv.n != part ||
			!(d = BN_bin2bn((const unsigned char *)priv.p, (int)priv.n, NULL)) ||
			!OSSL_PARAM_BLD_push_BN_pad(bld, OSSL_PKEY_PARAM_PRIV_KEY, d, part)))
			break;
		if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].crv, 0) &&
			OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n))
			pkey = build("EC", bld, *has_private);
	}
	BN_clear_free(d);
	OSSL_PARAM_BLD_free(bld);
	jwk_wipe(&priv);
	buf_free(&point);
	buf_free(&scratch);
	return pkey;
}

/* RFC 8037 2. A private key has its public one beside it, and they must agree. */
static EVP_PKEY *
okp(struct slice object, bool *has_private)
{
	struct buf x = { 0 }, d = { 0 };
	EVP_PKEY *pkey = NULL;
	unsigned char made[32];
	size_t n = sizeof(made);

	*has_private = js_get(object, S("d")).n != 0;
	if (bytes(object, S("x"), &x) && x.n == 32) {
		if (!*has_private)
			pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
			    (const unsigned char *)x.p, x.n);
		else if (bytes(object, S("d"), &d) && d.n == 32)
			pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
			    (const unsigned char *)d.p, d.n);
	}
	if (pkey && *has_private && (EVP_PKEY_get_raw_public_key(pkey, made, &n) != 1 ||
		memcmp(made, x.p, sizeof(made)) != 0)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	jwk_wipe(&d);
	buf_free(&x);
	return pkey;
}

static bool
text_is(struct slice object, struct slice name, const char *want)
{
	struct buf scratch = { 0 };
	struct slice text = js_text(js_get(object, name), &scratch);
	bool yes = text.p && slice_is(text, want);

	buf_free(&scratch);
	return yes;
}

/* True if the list has this string. */
static bool
lists(struct slice array, const char *want)
{
	struct slice none, val;
	struct buf scratch = { 0 };
	bool yes = false;

	for (struct js_walk w = js_walk(array); js_next(&w, &none, &val);) {
		struct slice text = js_text(val, &scratch);

		yes = yes || (text.p && slice_is(text, want));
	}
	buf_free(&scratch);
	return yes;
}

/* What `use` and `key_ops` allow (RFC 7517 4.2, 4.3). */
static bool
meant_for(struct slice object, bool sign)
{
	struct slice ops = js_get(object, S("key_ops"));

	if (js_get(object, S("use")).n && !text_is(object, S("use"), "sig"))
		return false;
	/* Who may sign with a private key may verify with the public half of it. */
	return !ops.n || lists(ops, sign ? "sign" : "verify") || (!sign && lists(ops, "sign"));
}

static struct jwk *
make(struct slice object, const char **why, bool *harmless)
{
	EVP_PKEY *pkey;
	bool has_private = false;

	*why = "a malformed or incomplete key";
	if (text_is(object, S("kty"), "oct")) {
		struct buf secret = { 0 };

		if (bytes(object, S("k"), &secret))
			return jwk_new_secret(&secret);
		jwk_wipe(&secret);
		return NULL;
	}
	if (text_is(object, S("kty"), "RSA")) {
		pkey = rsa(object, &has_private);
	} else if (text_is(object, S("kty"), "EC")) {
		pkey = ec(object, &has_private);
	} else if (text_is(object, S("kty"), "OKP") && text_is(object, S("crv"), "Ed25519")) {
		pkey = okp(object, &has_private);
	} else {
		*why = "an unknown kind of key";
		*harmless = true;
		return NULL;
	}
	ERR_clear_error();
	return pkey ? jwk_new_pkey(pkey, has_private, why) : NULL;
}

struct jwk *
jwk_from_json(struct slice object, bool sign, const char **why, bool *harmless)
{
	struct slice kid = js_get(object, S("kid")), alg = js_get(object, S("alg"));
	struct jwk *key;

	if (js_type(object) != JS_OBJECT) {
		*why = "not an object";
		return NULL;
	}
	if (!meant_for(object, sign)) {
		*why = "meant for another use";
		*harmless = true;
		return NULL;
	}
	if (kid.n && js_type(kid) != JS_STRING) {
		*why = "its kid is not a string";
		return NULL;
	}
	if (!(key = make(object, why, harmless)))
		return NULL;
	if (kid.n) {
		struct slice text = js_text(kid, &key->kid);

		if (text.p != key->kid.p)
			buf_slice(&key->kid, text);
		key->has_kid = true;
	}
	if (alg.n) {
		struct buf scratch = { 0 };
		struct slice name = js_text(alg, &scratch);
		int found = name.p ? jwk_alg_find(name) : -1;

		buf_free(&scratch);
		key->algs &= found < 0 ? 0 : 1u << found;
		if (!key->algs) {
			*why = "its alg does not fit its kind";
			*harmless = found < 0; /* an encryption key says RSA-OAEP, for example */
			jwk_free(key);
			return NULL;
		}
	}
	*why = NULL;
	return key;
}
