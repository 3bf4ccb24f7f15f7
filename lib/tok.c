#include "tok.h"

#include <stdlib.h>

#include "base64.h"
#include "js.h"
#include "mem.h"

/* The shortest member, `"":1,`, is five bytes: more than that do not fit in a token. */
enum { MEMBERS = TOK_MAX / 4 * 3 / 5 + 1, HEADER_KEPT = 1024 };

/* What was read from a header. */
struct header {
	uint64_t faults;
	int alg; /* enum jwk_alg, or -1 */
	bool has_kid;
	struct buf kid;
};

struct tok {
	const struct tok_policy *policy;
	struct js_member *members;
	struct buf header, payload, signature, scratch;
	/* Tokens of one issuer mostly have the same header: the last one is kept as it was
	 * encoded, with what it says. */
	struct buf last;
	struct header head;
};

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

static uint64_t
bit(enum tok_fault fault)
{
	return 1ull << fault;
}

struct tok *
tok_new(const struct tok_policy *policy)
{
	struct tok *t = mem_zero(1, sizeof(*t));

	t->policy = policy;
	t->members = mem_zero(MEMBERS, sizeof(*t->members));
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
read_kid(struct header *h, struct slice val)
{
	struct slice text = js_text(val, &h->kid);

	if (!text.p) {
		h->faults |= bit(TOK_KID_FORM);
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
		t->head.faults |= bit(TOK_ALG_MISSING);
	else if (name.n == 4 && strncasecmp(name.p, "none", 4) == 0)
		t->head.faults |= bit(TOK_ALG_NONE);
	else if ((t->head.alg = jwk_alg_find(name)) < 0)
		t->head.faults |= bit(TOK_ALG_OTHER);
}

static void
read_header(struct tok *t, struct slice text)
{
	struct header *h = &t->head;
	bool has_alg = false;
	int n;

	h->faults = 0;
	h->alg = -1;
	h->has_kid = false;
	buf_clear(&h->kid);
	buf_clear(&t->header);
	if (base64url_get(&t->header, text)) {
		h->faults = bit(TOK_HEADER_CODING);
		return;
	}
	n = js_object(buf_view(&t->header), t->members, MEMBERS, NULL);
	if (n < 0) {
		h->faults = bit(TOK_HEADER_FORM);
		return;
	}
	if (!tok_unique(buf_view(&t->header), &t->scratch))
		h->faults |= bit(TOK_HEADER_TWICE);
	for (int i = 0; i < n; i++) {
		const struct js_member *m = &t->members[i];

		if (js_key_is(m->key, S("alg"))) {
			has_alg = true;
			read_alg(t, m->val);
		} else if (js_key_is(m->key, S("kid"))) {
			read_kid(h, m->val);
		} else if (js_key_is(m->key, S("crit"))) {
			/* No extension is understood here (RFC 7515 4.1.11). */
			h->faults |= bit(TOK_CRIT);
		}
	}
	if (!has_alg)
		h->faults |= bit(TOK_ALG_MISSING);
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
	const struct header *h = &t->head;
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
		return bit(TOK_KID_UNKNOWN);
	return bit(tries ? TOK_FORGED : TOK_ALG_OTHER);
}

/* --- the claims --- */

enum claim { AUD, EXP, IAT, ISS, JTI, NBF, SUB, USER, CLAIMS };

static int
claim_of(struct tok *t, struct slice key)
{
	static const struct slice names[CLAIMS] = {
		{ "aud", 3 }, { "exp", 3 }, { "iat", 3 }, { "iss", 3 }, { "jti", 3 }, { "nbf", 3 },
		{ "sub", 3 }, { "userId", 6 },
	};

	if (slice_find(key, '\\') < key.n) {
		buf_clear(&t->scratch);
		key = js_key_text(key, &t->scratch);
	}
	for (int i = 0; i < CLAIMS; i++)
		if (slice_eq(key, names[i]))
			return i;
	return -1;
}

/* A NumericDate in whole seconds. RFC 7519 would allow fractions; no issuer that is met
 * in practice makes them, and other readers round them differently. */
static bool
is_time(struct slice val, int64_t *seconds)
{
	return js_int(val, seconds) && val.p[0] != '-' && *seconds <= TOK_TIME_MAX;
}

static void
check_times(const struct tok *t, const struct slice *c, int64_t now_ms, struct tok_verdict *v)
{
	int64_t leeway = t->policy->leeway_ms, s = 0;

	if (c[EXP].n && !is_time(c[EXP], &s)) {
		v->faults |= bit(TOK_EXP_FORM);
	} else if (c[EXP].n) {
		v->expires = s + leeway / 1000;
		if (now_ms >= s * 1000 + leeway)
			v->faults |= bit(TOK_EXPIRED);
	}
	if (c[NBF].n && !is_time(c[NBF], &s))
		v->faults |= bit(TOK_NBF_FORM);
	else if (c[NBF].n && now_ms + leeway < s * 1000)
		v->faults |= bit(TOK_EARLY);
	if (c[IAT].n && !is_time(c[IAT], &s))
		v->faults |= bit(TOK_IAT_FORM);
	else if (c[IAT].n && now_ms + leeway < s * 1000)
		v->faults |= bit(TOK_FUTURE);
}

static bool
one_of(struct tok *t, struct slice val, const struct opt_list *list)
{
	struct slice text;

	buf_clear(&t->scratch);
	text = js_text(val, &t->scratch);
	for (int i = 0; text.p && i < list->n; i++)
		if (slice_is(text, list->v[i]))
			return true;
	return false;
}

static void
check_issuer(struct tok *t, struct slice iss, struct tok_verdict *v)
{
	if (iss.n && js_type(iss) != JS_STRING)
		v->faults |= bit(TOK_ISS_FORM);
	else if (t->policy->issuers.n && !iss.n)
		v->faults |= bit(TOK_ISS_MISSING);
	else if (t->policy->issuers.n && !one_of(t, iss, &t->policy->issuers))
		v->faults |= bit(TOK_ISS_OTHER);
}

static void
check_audience(struct tok *t, struct slice aud, struct tok_verdict *v)
{
	const struct opt_list *want = &t->policy->audiences;
	bool sound = js_type(aud) == JS_STRING || js_type(aud) == JS_ARRAY, met = false;
	struct slice none, val;

	if (!aud.n) {
		if (want->n)
			v->faults |= bit(TOK_AUD_MISSING);
		return;
	}
	if (js_type(aud) == JS_STRING)
		met = one_of(t, aud, want);
	for (struct js_walk w = js_walk(aud); js_type(aud) == JS_ARRAY && js_next(&w, &none, &val);) {
		sound = sound && js_type(val) == JS_STRING;
		met = met || one_of(t, val, want);
	}
	if (!sound)
		v->faults |= bit(TOK_AUD_FORM);
	else if (want->n && !met)
		v->faults |= bit(TOK_AUD_OTHER);
}

/* A user is a string that is not empty, or an integer. Control characters (NUL above
 * all) and U+FFFD, as which all lone surrogates decode, would make one user look like
 * another to readers that are less careful. */
static bool
is_user(struct tok *t, struct slice val)
{
	struct slice text;

	if (js_type(val) == JS_NUMBER) {
		for (size_t i = 0; i < val.n; i++)
			if (memchr(".eE", val.p[i], 3))
				return false;
		return val.n <= 20; /* as long as a 64-bit integer gets */
	}
	buf_clear(&t->scratch);
	text = js_text(val, &t->scratch);
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return text.n > 0 && !memmem(text.p, text.n, "\xef\xbf\xbd", 3);
}

static void
check_user(struct tok *t, const struct slice *c, struct tok_verdict *v)
{
	const char *name = t->policy->user_claim;
	struct slice val = name ? tok_claim(v->claims, slice_str(name))
		: c[USER].n ? c[USER] : c[SUB];

	if (js_type(val) == JS_NONE || js_type(val) == JS_NULL) {
		if (name)
			v->faults |= bit(TOK_USER_MISSING);
	} else if (is_user(t, val)) {
		v->user = val;
	} else {
		v->faults |= bit(TOK_USER_FORM);
	}
}

struct slice
tok_claim(struct slice payload, struct slice name)
{
	struct slice val;

	payload = slice_trim(payload);
	val = js_get(payload, name);
	return val.n ? val : js_path(payload, name);
}

/* A string by its characters, anything else by its text, a list by any of its values. */
static bool
value_is(struct tok *t, struct slice val, struct slice want)
{
	struct slice none, item;

	switch (js_type(val)) {
	case JS_STRING:
		buf_clear(&t->scratch);
		return slice_eq(js_text(val, &t->scratch), want);
	case JS_ARRAY:
		for (struct js_walk w = js_walk(val); js_next(&w, &none, &item);)
			if (js_type(item) != JS_ARRAY && value_is(t, item, want))
				return true;
		return false;
	default:
		return slice_eq(val, want);
	}
}

static void
check_requires(struct tok *t, struct tok_verdict *v)
{
	for (int i = 0; i < t->policy->requires.n && i < TOK_REQUIRES; i++) {
		struct slice want = slice_str(t->policy->requires.v[i]);
		bool any = slice_find(want, '=') == want.n;
		struct slice name = slice_cut(&want, '='), val = tok_claim(v->claims, name);

		if (!val.n || js_type(val) == JS_NULL)
			v->missing |= 1ull << i;
		else if (!any && !value_is(t, val, want))
			v->other |= 1ull << i;
	}
}

static void
check_claims(struct tok *t, int64_t now_ms, struct tok_verdict *v)
{
	struct slice c[CLAIMS] = { { 0 } };
	int n = js_object(buf_view(&t->payload), t->members, MEMBERS, NULL);

	if (n < 0) {
		v->faults |= bit(TOK_PAYLOAD_FORM);
		return;
	}
	v->claims = slice_trim(buf_view(&t->payload));
	if (!tok_unique(v->claims, &t->scratch))
		v->faults |= bit(TOK_PAYLOAD_TWICE);
	for (int i = 0; i < n; i++) {
		int which = claim_of(t, t->members[i].key);

		if (which >= 0)
			c[which] = t->members[i].val;
	}
	check_times(t, c, now_ms, v);
	check_issuer(t, c[ISS], v);
	check_audience(t, c[AUD], v);
	if (c[SUB].n && js_type(c[SUB]) != JS_STRING)
		v->faults |= bit(TOK_SUB_FORM);
	if (c[JTI].n && js_type(c[JTI]) != JS_STRING)
		v->faults |= bit(TOK_JTI_FORM);
	check_user(t, c, v);
	check_requires(t, v);
}

/* --- the whole --- */

void
tok_check(struct tok *t, const struct jwk_set *keys, struct slice token, int64_t now_ms,
    struct tok_verdict *v)
{
	struct slice rest = token, header, payload, input;

	*v = (struct tok_verdict){ .expires = -1 };
	if (token.n > TOK_MAX) {
		v->faults = bit(TOK_LONG);
		return;
	}
	header = slice_cut(&rest, '.');
	payload = slice_cut(&rest, '.');
	input = slice_of(token.p, header.n + 1 + payload.n);
	if (input.n >= token.n || slice_find(rest, '.') < rest.n) {
		v->faults = bit(TOK_PARTS);
		return;
	}
	take_header(t, header);
	v->faults = t->head.faults;
	buf_clear(&t->payload);
	if (base64url_get(&t->payload, payload))
		v->faults |= bit(TOK_PAYLOAD_CODING);
	else
		check_claims(t, now_ms, v);
	buf_clear(&t->signature);
	if (!rest.n)
		v->faults |= bit(TOK_UNSIGNED);
	else if (base64url_get(&t->signature, rest))
		v->faults |= bit(TOK_SIGNATURE_CODING);
	else if (!(v->faults & (bit(TOK_HEADER_CODING) | bit(TOK_HEADER_FORM) | bit(TOK_HEADER_TWICE) |
		bit(TOK_ALG_MISSING) | bit(TOK_ALG_NONE) | bit(TOK_KID_FORM))))
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

/* True if a rename puts another value in the place of this member. */
static bool
replaced(const struct tok *t, struct slice key)
{
	for (int i = 0; i < t->policy->renames.n; i++) {
		struct slice name = slice_str(t->policy->renames.v[i]);

		if (js_key_is(key, slice_cut(&name, '=')))
			return true;
	}
	return false;
}

void
tok_put_claims(struct buf *b, const struct tok *t, const struct tok_verdict *v)
{
	struct slice key, val;
	size_t first;

	if (!t->policy->renames.n) {
		js_put_flat(b, v->claims);
		return;
	}
	buf_byte(b, '{');
	first = b->n;
	for (struct js_walk w = js_walk(v->claims); js_next(&w, &key, &val);) {
		if (replaced(t, key))
			continue;
		if (b->n > first)
			buf_byte(b, ',');
		buf_byte(b, '"');
		buf_slice(b, key);
		buf_add(b, "\":", 2);
		js_put_flat(b, val);
	}
	for (int i = 0; i < t->policy->renames.n; i++) {
		struct slice from = slice_str(t->policy->renames.v[i]), to = slice_cut(&from, '=');

		val = tok_claim(v->claims, from);
		if (!val.n)
			continue;
		if (b->n > first)
			buf_byte(b, ',');
		js_put_string(b, to);
		buf_byte(b, ':');
		js_put_flat(b, val);
	}
	buf_byte(b, '}');
}
