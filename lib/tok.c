#include "tok.h"

#include <stdlib.h>

#include "base64.h"
#include "js.h"
#include "mem.h"
#include "tok_inside.h"

enum { HEADER_KEPT = 1024 };

static const char *const faults[TOK_FAULTS] = {
	[TOK_LONG] = "token over 16384 bytes",
	[TOK_PARTS] = "not three parts",
	[TOK_HEADER_CODING] = "header is not base64url",
	[TOK_HEADER_FORM] = "header is not a JSON object",
	[TOK_HEADER_TWICE] = "header has a member twice",
	[TOK_PAYLOAD_CODING] = "payload is not base64url",
	[TOK_PAYLOAD_FORM] = "payload is not a JSON object",
	[TOK_PAYLOAD_TWICE] = "payload has a member twice",
	[TOK_ALG_MISSING] = "no algorithm",
	[TOK_ALG_NONE] = "algorithm none",
	[TOK_ALG_OTHER] = "wrong algorithm",
	[TOK_CRIT] = "unknown critical header",
	[TOK_KID_FORM] = "kid is not a string",
	[TOK_KID_UNKNOWN] = "unknown key",
	[TOK_SIGNATURE_CODING] = "signature is not base64url",
	[TOK_UNSIGNED] = "empty signature",
	[TOK_FORGED] = "bad signature",
	[TOK_EXP_FORM] = "exp is not a time in whole seconds",
	[TOK_NBF_FORM] = "nbf is not a time in whole seconds",
	[TOK_IAT_FORM] = "iat is not a time in whole seconds",
	[TOK_EXPIRED] = "expired",
	[TOK_EARLY] = "not yet valid",
	[TOK_FUTURE] = "issued in the future",
	[TOK_ISS_FORM] = "iss is not a string",
	[TOK_ISS_MISSING] = "no issuer",
	[TOK_ISS_OTHER] = "wrong issuer",
	[TOK_AUD_FORM] = "aud is not a string or a list of strings",
	[TOK_AUD_MISSING] = "no audience",
	[TOK_AUD_OTHER] = "wrong audience",
	[TOK_SUB_FORM] = "sub is not a string",
	[TOK_JTI_FORM] = "jti is not a string",
	[TOK_USER_MISSING] = "no user",
	[TOK_USER_FORM] = "user is not a name",
};

struct tok *
tok_new(const struct tok_policy *policy)
{
	struct tok *t = mem_zero(1, sizeof(*t));

	t->policy = policy;
	t->members = mem_zero(TOK_MEMBERS, sizeof(*t->members));
	return t;
}

void
tok_free(struct tok *t)
{
	if (!t)
		return;
	free(t->members);
	buf_free(&t->header);
	buf_free(&t->payload);
	buf_free(&t->signature);
	buf_free(&t->scratch);
	buf_free(&t->last);
	buf_free(&t->head.kid);
	free(t);
}

/* --- the header --- */

static void
read_kid(struct tok_header *h, struct slice val)
{
	struct slice text = js_text(val, &h->kid);

	if (!text.p) {
		h->faults |= tok_bit(TOK_KID_FORM);
		return;
	}
	if (text.p != h->kid.p)
		buf_slice(&h->kid, text);
	h->has_kid = true;
}

static void
read_alg(struct tok *t, struct slice val)
{
	struct slice name;

	buf_clear(&t->scratch);
	name = js_text(val, &t->scratch);
	if (!name.p)
		t->head.faults |= tok_bit(TOK_ALG_MISSING);
	else if (name.n == 4 && strncasecmp(name.p, "none", 4) == 0)
		t->head.faults |= tok_bit(TOK_ALG_NONE);
	else if ((t->head.alg = jwk_alg_find(name)) < 0)
		t->head.faults |= tok_bit(TOK_ALG_OTHER);
}

static void
read_header(struct tok *t, struct slice text)
{
	struct tok_header *h = &t->head;
	bool has_alg = false;
	int n;

	h->faults = 0;
	h->alg = -1;
	h->has_kid = false;
	buf_clear(&h->kid);
	buf_clear(&t->header);
	if (base64url_get(&t->header, text)) {
		h->faults = tok_bit(TOK_HEADER_CODING);
		return;
	}
	n = js_object(buf_view(&t->header), t->members, TOK_MEMBERS, NULL);
	if (n < 0) {
		h->faults = tok_bit(TOK_HEADER_FORM);
		return;
	}
	if (!tok_unique(buf_view(&t->header), &t->scratch))
		h->faults |= tok_bit(TOK_HEADER_TWICE);
	for (int i = 0; i < n; i++) {
		const struct js_member *m = &t->members[i];

		if (js_key_is(m->key, S("alg"))) {
			has_alg = true;
			read_alg(t, m->val);
		} else if (js_key_is(m->key, S("kid"))) {
			read_kid(h, m->val);
		} else if (js_key_is(m->key, S("crit"))) {
			/* No extension is understood here (RFC 7515 4.1.11). */
			h->faults |= tok_bit(TOK_CRIT);
		}
	}
	if (!has_alg)
		h->faults |= tok_bit(TOK_ALG_MISSING);
}

static void
take_header(struct tok *t, struct slice text)
{
	if (t->last.n && slice_eq(buf_view(&t->last), text))
		return;
	read_header(t, text);
	buf_clear(&t->last);
	if (text.n <= HEADER_KEPT)
		buf_slice(&t->last, text);
}

/* --- the signature --- */

/* Keys with the token's kid are the only ones for it; where none has it, those without
 * a kid are (a secret or PEM file has none). A token without kid may be any key's. */
static uint64_t
check_signature(struct tok *t, const struct jwk_set *keys, struct slice input)
{
	const struct tok_header *h = &t->head;
	struct slice kid = buf_view(&h->kid);
	bool named = false, any = false;
	unsigned tries = 0;

	for (size_t i = 0; i < keys->n && h->has_kid && !named; i++)
		named = jwk_kid(keys->v[i]).p && slice_eq(jwk_kid(keys->v[i]), kid);
	for (size_t i = 0; i < keys->n && tries < TOK_TRIES; i++) {
		struct slice own = jwk_kid(keys->v[i]);

		if (h->has_kid && (named ? !own.p || !slice_eq(own, kid) : own.p != NULL))
			continue;
		any = true;
		if (h->alg < 0 || !(jwk_algs(keys->v[i]) >> h->alg & 1))
			continue;
		tries++;
		if (jwk_verify(keys->v[i], (enum jwk_alg)h->alg, input, buf_view(&t->signature)))
			return 0;
	}
	if (!any)
		return tok_bit(TOK_KID_UNKNOWN);
	return tok_bit(tries ? TOK_FORGED : TOK_ALG_OTHER);
}

/* --- the whole --- */

void
tok_check(struct tok *t, const struct jwk_set *keys, struct slice token, int64_t now_ms,
    struct tok_verdict *v)
{
	struct slice rest = token, header, payload, input;

	*v = (struct tok_verdict){ .expires = -1 };
	if (token.n > TOK_MAX) {
		v->faults = tok_bit(TOK_LONG);
		return;
	}
	header = slice_cut(&rest, '.');
	payload = slice_cut(&rest, '.');
	input = slice_of(token.p, header.n + 1 + payload.n);
	if (input.n >= token.n || slice_find(rest, '.') < rest.n) {
		v->faults = tok_bit(TOK_PARTS);
		return;
	}
	take_header(t, header);
	v->faults = t->head.faults;
	buf_clear(&t->payload);
	if (base64url_get(&t->payload, payload))
		v->faults |= tok_bit(TOK_PAYLOAD_CODING);
	else
		tok_check_claims(t, now_ms, v);
	buf_clear(&t->signature);
	if (!rest.n)
		v->faults |= tok_bit(TOK_UNSIGNED);
	else if (base64url_get(&t->signature, rest))
		v->faults |= tok_bit(TOK_SIGNATURE_CODING);
	else if (!(v->faults & (tok_bit(TOK_HEADER_CODING) | tok_bit(TOK_HEADER_FORM) | tok_bit(TOK_HEADER_TWICE) |
		tok_bit(TOK_ALG_MISSING) | tok_bit(TOK_ALG_NONE) | tok_bit(TOK_KID_FORM))))
		v->faults |= check_signature(t, keys, input);
}

static void
put_fault(struct buf *b, size_t before, const char *text, struct slice claim)
{
	if (b->n > before)
		buf_add(b, "; ", 2);
	buf_str(b, text);
	buf_slice(b, claim);
}

void
tok_put_error(struct buf *b, const struct tok *t, const struct tok_verdict *v)
{
	size_t before = b->n;

	for (int i = 0; i < TOK_FAULTS; i++)
		if (v->faults >> i & 1)
			put_fault(b, before, faults[i], S(""));
	for (int i = 0; i < t->policy->requires.n && i < TOK_REQUIRES; i++) {
		struct slice name = slice_str(t->policy->requires.v[i]);

		name = slice_cut(&name, '=');
		if (v->missing >> i & 1)
			put_fault(b, before, "missing claim ", name);
		else if (v->other >> i & 1)
			put_fault(b, before, "wrong claim ", name);
	}
}
