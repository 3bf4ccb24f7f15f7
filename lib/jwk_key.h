/* jwk_key - the inside of a key, for jwk*.c alone. */
#ifndef JWK_KEY_H
#define JWK_KEY_H

#include <openssl/evp.h>

#include "jwk.h"

enum jwk_kind { JWK_SECRET, JWK_RSA, JWK_P256, JWK_P384, JWK_P521, JWK_ED25519 };

/* What an algorithm is made of. */
struct jwk_alg_info {
	const char *name;
	enum jwk_family { JWK_HMAC, JWK_PKCS1, JWK_PSS, JWK_ECDSA, JWK_ED } family;
	const char *digest; /* OpenSSL's name; NULL for EdDSA */
	size_t hash;        /* its bytes */
	size_t part;        /* ECDSA: bytes of each of R and S */
	uint32_t kinds;     /* bits of enum jwk_kind */
};

const struct jwk_alg_info *jwk_alg_info(enum jwk_alg alg);

/* Contexts made at the first use with an algorithm and kept. */
struct jwk_ready {
	EVP_MAC_CTX *mac;
	EVP_PKEY_CTX *verify;
	EVP_MD *md;
	EVP_MD_CTX *digest;
};

struct jwk {
	enum jwk_kind kind;
	bool has_private;
	uint32_t algs;
	struct buf kid;
	bool has_kid;
	struct buf secret;
	EVP_PKEY *pkey; /* NULL for a secret */
	struct jwk_ready ready[JWK_ALGS];
};

/* A key of its own from parts, which are taken over. NULL with *why (static text) when
 * it is weak, broken or of an unknown kind; what was given is then freed. */
struct jwk *jwk_new_secret(struct buf *secret);
struct jwk *jwk_new_pkey(EVP_PKEY *pkey, bool has_private, const char **why);
void jwk_free(struct jwk *key);

/* The one key of PEM text. NULL with *why. */
struct jwk *jwk_from_pem(struct slice text, const char **why);

/* NULL, or what the bytes are when they are no secret but something published: DER, an
 * OpenSSH key, JSON, PEM. */
const char *jwk_published(struct slice bytes);

/* One JWK. NULL with *why; *harmless is set when it is sound but not for us (RFC 7517 5:
 * another use, an unknown type). */
struct jwk *jwk_from_json(struct slice object, bool sign, const char **why, bool *harmless);

void jwk_ready_free(struct jwk_ready *ready);

#endif
