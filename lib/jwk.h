/* jwk - keys of signed tokens, and what one signature of theirs is worth. Secrets, PEM
 * and JWK sets come in (RFC 7517, 7518, 8037); OpenSSL 3 does the arithmetic.
 *
 * A key fixes the algorithms it is used with, a token never does: a secret HS256, HS384
 * and HS512; RSA RS* and PS*; P-256, P-384 and P-521 one of ES256, ES384, ES512 each;
 * Ed25519 EdDSA. `alg` of a JWK and the mask of jwk_sources narrow that. RSA keys have
 * 2048 to 16384 bits. What is published (PEM, DER, JSON, an OpenSSH key) never becomes a
 * secret, nor does nothing at all.
 *
 * Not for several threads: a key keeps its prepared contexts. Secrets are wiped when
 * they are freed. */
#ifndef JWK_H
#define JWK_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "opt.h"
#include "slice.h"

enum jwk_alg {
	JWK_HS256, JWK_HS384, JWK_HS512,
	JWK_RS256, JWK_RS384, JWK_RS512,
	JWK_PS256, JWK_PS384, JWK_PS512,
	JWK_ES256, JWK_ES384, JWK_ES512,
	JWK_EDDSA,
	JWK_ALGS,
};

enum {
	JWK_FILE_MAX = 1 << 20, /* bytes of a key file or a JWK set */
	JWK_KEYS = 256,         /* keys in a set */
	JWK_SIG_MAX = 2048,     /* bytes of the longest signature: RSA of 16384 bits */
};

/* "HS256" and so on; the search is case-sensitive (RFC 7515 4.1.1) and gives -1 for any
 * other name. */
const char *jwk_alg_name(enum jwk_alg alg);
int jwk_alg_find(struct slice name);

/* A list "RS256,PS256" as a mask of algorithms (bit: enum jwk_alg), added to *mask.
 * 0, or -1 when a name is unknown ("none" is). */
int jwk_alg_list(const char *list, uint32_t *mask);

/* Where keys come from, as the options of a tool say it. */
struct jwk_sources {
	struct opt_list files; /* a secret or PEM each */
	struct opt_list envs;  /* environment variables with a secret or PEM each */
	struct opt_list sets;  /* JWK or JWK set files */
	int encoding;          /* of secrets in files and variables: index in jwk_encodings */
	uint32_t algs;         /* algorithms allowed, 0 is all */
	bool strict;           /* a secret shorter than the hash is not used with it */
	bool sign;             /* keys to sign with, not to verify with */

	/* Told of each doubt (a short secret, a private key where the public one would do, a
	 * member of a JWK set that cannot be used); may be NULL. */
	void (*warn)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
};

/* "raw", "base64", "base64url", NULL: for an option table. */
extern const char *const jwk_encodings[];

struct jwk;

/* {0} is a valid empty set. Owns its keys. */
struct jwk_set {
	struct jwk **v;
	size_t n;
};

/* Fill an empty set from all sources. 0, or -1 when one of them cannot be used: the
 * reason, "FILE: why", is then appended to *why, and the set is empty. Nothing of a key's
 * content is ever said. */
int jwk_load(struct jwk_set *set, const struct jwk_sources *from, struct buf *why);

void jwk_set_free(struct jwk_set *set);

/* Overwrite and release a buffer that held a secret. */
void jwk_wipe(struct buf *b);

/* --- one key --- */

/* Its identifier; p is NULL when it has none. */
struct slice jwk_kid(const struct jwk *key);

/* The algorithms that it may be used with, as a mask. */
uint32_t jwk_algs(const struct jwk *key);

/* True if `sig` (raw bytes, in the form of RFC 7518: ECDSA as R || S) is this key's
 * signature of `input` by `alg`. False for an algorithm the key is not for. HMACs are
 * compared in constant time. */
bool jwk_verify(struct jwk *key, enum jwk_alg alg, struct slice input, struct slice sig);

/* Append the raw signature of `input`. 0, or -1 (not for this algorithm, no private
 * key). */
int jwk_sign(struct jwk *key, enum jwk_alg alg, struct slice input, struct buf *sig);

/* Append what libjwt takes as this key: the secret, or the private key as PEM. 0, or -1
 * when there is no private key. */
int jwk_export(const struct jwk *key, struct buf *b);

#endif
