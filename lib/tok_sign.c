#include <limits.h>
#include <stdlib.h>

#include <jwt.h>

#include "base64.h"
#include "js.h"
#include "tok.h"

/* What libjwt calls the algorithm, JWT_ALG_INVAL when it does not know it. */
static jwt_alg_t
in_libjwt(enum jwk_alg alg)
{
	switch (alg) {
	case JWK_HS256:
		return JWT_ALG_HS256;
	case JWK_HS384:
		return JWT_ALG_HS384;
	case JWK_HS512:
		return JWT_ALG_HS512;
	case JWK_RS256:
		return JWT_ALG_RS256;
	case JWK_RS384:
		return JWT_ALG_RS384;
	case JWK_RS512:
		return JWT_ALG_RS512;
	case JWK_ES256:
		return JWT_ALG_ES256;
	case JWK_ES384:
		return JWT_ALG_ES384;
	case JWK_ES512:
		return JWT_ALG_ES512;
	default:
		return JWT_ALG_INVAL;
	}
}

/* True if libjwt, whose JSON is jansson's, keeps every value of the claims: jansson
 * writes fractions with 17 digits, -0 as 0, and fails on integers above 2^63 and on NUL
 * in strings. */
static bool
survives(struct slice json)
{
	const char *p = json.p, *end = json.p + json.n;

	while (p < end) {
		const char *start = p++;

		if (*start == '"') {
			for (; *p != '"'; p++)
				if (*p == '\\' && *++p == 'u' && memcmp(p, "u0000", 5) == 0)
					return false;
			p++;
		} else if (*start == '-' || (*start >= '0' && *start <= '9')) {
			while (p < end && *p >= '0' && *p <= '9')
				p++;
			if ((p < end && memchr(".eE", *p, 3)) || p - start > 18 || memcmp(start, "-0", 2) == 0)
				return false;
		}
	}
	return true;
}

static int
with_libjwt(struct jwk *key, enum jwk_alg alg, const char *kid, const char *claims, struct buf *b)
{
	jwt_t *jwt = NULL;
	struct buf k = { 0 };
	char *text = NULL;
	int rc = -1;

	if (jwk_export(key, &k) == 0 && k.n && k.n < INT_MAX && jwt_new(&jwt) == 0 &&
		jwt_add_grants_json(jwt, claims) == 0 &&
		(!kid || jwt_add_header(jwt, "kid", kid) == 0) &&
		jwt_set_alg(jwt, in_libjwt(alg), (const unsigned char *)k.p, (int)k.n) == 0 &&
		(text = jwt_encode_str(jwt))) {
		buf_str(b, text);
		free(text);
		rc = 0;
	}
	jwt_free(jwt);
	jwk_wipe(&k);
	return rc;
}

static int
with_openssl(struct jwk *key, enum jwk_alg alg, struct slice kid, struct slice claims,
    struct buf *b)
{
	struct buf header = { 0 }, sig = { 0 };
	size_t before = b->n;
	int rc;

	buf_byte(&header, '{');
	js_put_member(&header, "alg", slice_str(jwk_alg_name(alg)));
	js_put_member(&header, "typ", S("JWT"));
	if (kid.p)
		js_put_member(&header, "kid", kid);
	buf_byte(&header, '}');
	base64url_put(b, buf_view(&header));
	buf_byte(b, '.');
	base64url_put(b, claims);
	rc = jwk_sign(key, alg, slice_of(b->p + before, b->n - before), &sig);
	if (rc == 0) {
		buf_byte(b, '.');
		base64url_put(b, buf_view(&sig));
	} else {
		b->n = before;
	}
	buf_free(&header);
	buf_free(&sig);
	return rc;
}

int
tok_sign(struct jwk *key, enum jwk_alg alg, struct slice kid, struct slice claims, struct buf *b)
{
	struct buf text = { 0 }, name = { 0 };
	int rc;

	if (!(jwk_algs(key) >> alg & 1))
		return -1;
	if (in_libjwt(alg) == JWT_ALG_INVAL || !survives(claims) || (kid.p && memchr(kid.p, '\0', kid.n)))
		return with_openssl(key, alg, kid, claims, b);
	buf_slice(&text, claims);
	buf_slice(&name, kid);
	rc = with_libjwt(key, alg, kid.p ? buf_cstr(&name) : NULL, buf_cstr(&text), b);
	buf_free(&text);
	buf_free(&name);
	return rc;
}
