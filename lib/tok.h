/* tok - signed tokens (JWT, RFC 7519, as compact JWS, RFC 7515): what a token says and
 * whether it may be believed. Everything from a token is hostile until its signature
 * has been checked: decoding is strict (RFC 8725), memory is bounded, and what is not
 * understood is refused.
 *
 * A verdict names all that is wrong with a token, from a fixed list; nothing of the
 * token itself is in it. */
#ifndef TOK_H
#define TOK_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "jwk.h"
#include "opt.h"
#include "slice.h"

enum {
	TOK_MAX = 16384,     /* bytes of a token */
	TOK_REQUIRES = 64,   /* --require options */
	TOK_TRIES = 16,      /* keys tried for a token that does not name one */
};

/* The latest time a claim may name: the end of the year 9999, in seconds. A time in
 * milliseconds, a common mistake, is beyond it. */
#define TOK_TIME_MAX 253402300799

/* What a token must meet besides a good signature. */
struct tok_policy {
	int64_t leeway_ms;         /* clocks may differ by that much */
	struct opt_list issuers;   /* iss is one of these; none: any */
	struct opt_list audiences; /* aud has one of these; none: any */
	struct opt_list requires;  /* "claim" or "claim=value", TOK_REQUIRES at most */
	struct opt_list renames;   /* "to=from": see tok_put_claims */
	const char *user_claim;    /* who it is about; NULL: userId, else sub, if there */
};

/* A claim is named by its name, or, where no claim has that name, by a path of names
 * ("realm_access.roles"). */

enum tok_fault {
	TOK_LONG, TOK_PARTS,
	TOK_HEADER_CODING, TOK_HEADER_FORM, TOK_HEADER_TWICE,
	TOK_PAYLOAD_CODING, TOK_PAYLOAD_FORM, TOK_PAYLOAD_TWICE,
	TOK_ALG_MISSING, TOK_ALG_NONE, TOK_ALG_OTHER, TOK_CRIT, TOK_KID_FORM, TOK_KID_UNKNOWN,
	TOK_SIGNATURE_CODING, TOK_UNSIGNED, TOK_FORGED,
	TOK_EXP_FORM, TOK_NBF_FORM, TOK_IAT_FORM, TOK_EXPIRED, TOK_EARLY, TOK_FUTURE,
	TOK_ISS_FORM, TOK_ISS_MISSING, TOK_ISS_OTHER,
	TOK_AUD_FORM, TOK_AUD_MISSING, TOK_AUD_OTHER,
	TOK_SUB_FORM, TOK_JTI_FORM, TOK_USER_MISSING, TOK_USER_FORM,
	TOK_FAULTS,
};

struct tok_verdict {
	uint64_t faults;         /* bits of enum tok_fault */
	uint64_t missing, other; /* bits: the requirements whose claim is missing, differs */
	struct slice claims;     /* the payload, JSON text */
	struct slice user;       /* JSON text, a string or an integer; empty when there is none */
	int64_t expires;         /* exp with the leeway, seconds; -1 when there is no exp */
};

static inline bool
tok_good(const struct tok_verdict *v)
{
	return !v->faults && !v->missing && !v->other;
}

/* A checker: a policy (borrowed) and the memory that checking needs, kept from token to
 * token. */
struct tok;
struct tok *tok_new(const struct tok_policy *policy);
void tok_free(struct tok *t);

/* Judge `token` at the time now_ms (milliseconds since 1970). The verdict's slices last
 * until the next call, and are empty where the token could not be read so far. Keys
 * that the token does not name are tried in their order, TOK_TRIES at most. */
void tok_check(struct tok *t, const struct jwk_set *keys, struct slice token, int64_t now_ms,
    struct tok_verdict *v);

/* Append what is wrong, "expired; missing claim role"; nothing for a good token. */
void tok_put_error(struct buf *b, const struct tok *t, const struct tok_verdict *v);

/* Append the claims: the payload byte for byte on one line. With renames, `to` is the
 * value of `from`, and a claim of the name `to` that the token itself has is left out. */
void tok_put_claims(struct buf *b, const struct tok *t, const struct tok_verdict *v);

/* --- making tokens --- */

/* Append the token that says `claims` (a JSON object), signed with `key` by `alg`; typ
 * is JWT, and kid is put into the header when its p is not NULL. libjwt makes HS, RS and
 * ES tokens, and writes claims in the order of their names; the others, and claims whose
 * values libjwt would change (fractions, 64-bit integers beyond its range, NUL), are
 * written as they are given. 0, or -1 (the key cannot sign so). */
int tok_sign(struct jwk *key, enum jwk_alg alg, struct slice kid, struct slice claims,
    struct buf *b);

/* --- parts of it --- */

/* True if no object in valid JSON text names a member twice, however it is spelled.
 * Works in *scratch. Time: n log n. */
bool tok_unique(struct slice json, struct buf *scratch);

/* A claim of a payload (valid JSON text), by name or path; an empty slice when there is
 * none. */
struct slice tok_claim(struct slice payload, struct slice name);

#endif
