/* Signatures on OpenSSL. What a signature needs is prepared once for each key and
 * algorithm: fetching algorithms and reading keys anew costs several times as much as
 * the arithmetic of HMAC, and as much as that of RSA. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "jwk_key.h"

static const unsigned char *
bytes(struct slice s)
{
	return (const unsigned char *)s.p;
}

void
jwk_ready_free(struct jwk_ready *ready)
{
	EVP_MAC_CTX_free(ready->mac);
	EVP_PKEY_CTX_free(ready->verify);
	EVP_MD_CTX_free(ready->digest);
	EVP_MD_free(ready->md);
	*ready = (struct jwk_ready){ 0 };
}

/* --- HMAC, RFC 7518 3.2 --- */

/* The MAC into md[64]; its length, or 0 on failure. */
static size_t
hmac(struct jwk *key, enum jwk_alg alg, struct slice input, unsigned char *md)
{
	const struct jwk_alg_info *info = jwk_alg_info(alg);
	struct jwk_ready *r = &key->ready[alg];
	size_t n = 0;

	if (!r->mac) {
		EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)info->digest, 0),
			OSSL_PARAM_construct_end(),
		};

		r->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
		EVP_MAC_free(mac);
		if (!r->mac || !EVP_MAC_init(r->mac, bytes(buf_view(&key->secret)), key->secret.n, params)) {
			jwk_ready_free(r);
			return 0;
		}
	} else if (!EVP_MAC_init(r->mac, NULL, 0, NULL)) { /* the same key again */
		return 0;
	}
	if (!EVP_MAC_update(r->mac, bytes(input), input.n) ||
		!EVP_MAC_final(r->mac, md, &n, EVP_MAX_MD_SIZE) || n != info->hash)
		return 0;
	return n;
}

/* --- hash, then RSA or ECDSA --- */

static int
set_padding(EVP_PKEY_CTX *ctx, const struct jwk_alg_info *info)
{
	if (info->family == JWK_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING);
	if (info->family != JWK_PSS)
		return 1;
	/* RFC 7518 3.5: MGF1 with the same hash, a salt of the hash's size. */
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0)
		return 0;
	return EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)info->hash);
}

static bool
prepare(struct jwk *key, enum jwk_alg alg)
{
	const struct jwk_alg_info *info = jwk_alg_info(alg);
	struct jwk_ready *r = &key->ready[alg];

	if (r->verify)
		return true;
	r->md = EVP_MD_fetch(NULL, info->digest, NULL);
	r->digest = EVP_MD_CTX_new();
	r->verify = EVP_PKEY_CTX_new(key->pkey, NULL);
	if (!r->md || !r->digest || !r->verify || EVP_PKEY_verify_init(r->verify) <= 0 ||
		set_padding(r->verify, info) <= 0 ||
		EVP_PKEY_CTX_set_signature_md(r->verify, r->md) <= 0) {
		jwk_ready_free(r);
		return false;
	}
	return true;
}

static bool
hash(struct jwk_ready *r, struct slice input, unsigned char *md, unsigned *n)
{
	return EVP_DigestInit_ex2(r->digest, r->md, NULL) &&
		EVP_DigestUpdate(r->digest, input.p, input.n) && EVP_DigestFinal_ex(r->digest, md, n);
}

/* R || S (RFC 7518 3.4) as the DER that OpenSSL wants; its length, or 0. *der is the
 * caller's to free. */
static size_t
to_der(struct slice sig, size_t part, unsigned char **der)
{
	ECDSA_SIG *rs = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes(sig), (int)part, NULL);
	BIGNUM *s = BN_bin2bn(bytes(sig) + part, (int)part, NULL);
	int n = 0;

	if (rs && r && s && ECDSA_SIG_set0(rs, r, s)) {
		n = i2d_ECDSA_SIG(rs, der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(rs);
	return n > 0 ? (size_t)n : 0;
}

static bool
verify_hashed(struct jwk *key, enum jwk_alg alg, struct slice input, struct slice sig)
{
	const struct jwk_alg_info *info = jwk_alg_info(alg);
	struct jwk_ready *r = &key->ready[alg];
	unsigned char md[EVP_MAX_MD_SIZE], *der = NULL;
	unsigned n;
	bool ok;

	if (!prepare(key, alg) || !hash(r, input, md, &n))
		return false;
	if (info->family != JWK_ECDSA)
		return EVP_PKEY_verify(r->verify, bytes(sig), sig.n, md, n) == 1;
	if (sig.n != 2 * info->part)
		return false;
	size_t der_n = to_der(sig, info->part, &der);

	ok = der_n && EVP_PKEY_verify(r->verify, der, der_n, md, n) == 1;
	OPENSSL_free(der);
	return ok;
}

static bool
verify_ed(struct jwk *key, struct slice input, struct slice sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) > 0 &&
		EVP_DigestVerify(ctx, bytes(sig), sig.n, bytes(input), input.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
jwk_verify(struct jwk *key, enum jwk_alg alg, struct slice input, struct slice sig)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	bool ok = false;
	size_t n;

	if (!(key->algs >> alg & 1) || !sig.n)
		return false;
	switch (jwk_alg_info(alg)->family) {
	case JWK_HMAC:
		n = hmac(key, alg, input, md);
		return n && sig.n == n && CRYPTO_memcmp(md, sig.p, n) == 0;
	case JWK_PKCS1:
	case JWK_PSS:
	case JWK_ECDSA:
		ok = verify_hashed(key, alg, input, sig);
		break;
	case JWK_ED:
		ok = verify_ed(key, input, sig);
		break;
	}
	if (!ok)
		ERR_clear_error(); /* the queue of reasons would grow with every bad signature */
	return ok;
}

/* --- signing --- */

/* DER to R || S. */
static int
from_der(const unsigned char *der, size_t n, size_t part, struct buf *sig)
{
	ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &der, (long)n);
	unsigned char *out = (unsigned char *)buf_reserve(sig, 2 * part);
	int rc = -1;

	if (rs && BN_bn2binpad(ECDSA_SIG_get0_r(rs), out, (int)part) >= 0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(rs), out + part, (int)part) >= 0) {
		sig->n += 2 * part;
		rc = 0;
	}
	ECDSA_SIG_free(rs);
	return rc;
}

static int
sign_pkey(struct jwk *key, enum jwk_alg alg, struct slice input, struct buf *sig)
{
	const struct jwk_alg_info *info = jwk_alg_info(alg);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	unsigned char out[JWK_SIG_MAX];
	size_t n = sizeof(out);
	int rc = -1;

	if (ctx && EVP_DigestSignInit_ex(ctx, &pctx, info->digest, NULL, NULL, key->pkey, NULL) > 0 &&
		set_padding(pctx, info) > 0 &&
		EVP_DigestSign(ctx, out, &n, bytes(input), input.n) > 0) {
		if (info->family == JWK_ECDSA) {
			rc = from_der(out, n, info->part, sig);
		} else {
			buf_add(sig, (const char *)out, n);
			rc = 0;
		}
	}
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return rc;
}

int
jwk_sign(struct jwk *key, enum jwk_alg alg, struct slice input, struct buf *sig)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	size_t n;

	if (!(key->algs >> alg & 1) || !key->has_private)
		return -1;
	if (key->kind != JWK_SECRET)
		return sign_pkey(key, alg, input, sig);
	n = hmac(key, alg, input, md);
	buf_add(sig, (const char *)md, n);
	return n ? 0 : -1;
}

int
jwk_export(const struct jwk *key, struct buf *b)
{
	BIO *out;
	char *p;
	long n;
	int rc = -1;

	if (!key->has_private)
		return -1;
	if (key->kind == JWK_SECRET) {
		buf_slice(b, buf_view(&key->secret));
		return 0;
	}
	out = BIO_new(BIO_s_secmem());
	if (out && PEM_write_bio_PrivateKey(out, key->pkey, NULL, NULL, 0, NULL, NULL) &&
		(n = BIO_get_mem_data(out, &p)) > 0) {
		buf_add(b, p, (size_t)n);
		rc = 0;
	}
	BIO_free(out);
	ERR_clear_error();
	return rc;
}
