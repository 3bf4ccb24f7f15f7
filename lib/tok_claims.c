/* The claims of a token: RFC 7519 4.1 and what the policy asks for. */
#include "tok_inside.h"

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
		v->faults |= tok_bit(TOK_EXP_FORM);
	} else if (c[EXP].n) {
		v->expires = s + leeway / 1000;
		if (now_ms >= s * 1000 + leeway)
			v->faults |= tok_bit(TOK_EXPIRED);
	}
	if (c[NBF].n && !is_time(c[NBF], &s))
		v->faults |= tok_bit(TOK_NBF_FORM);
	else if (c[NBF].n && now_ms + leeway < s * 1000)
		v->faults |= tok_bit(TOK_EARLY);
	if (c[IAT].n && !is_time(c[IAT], &s))
		v->faults |= tok_bit(TOK_IAT_FORM);
	else if (c[IAT].n && now_ms + leeway < s * 1000)
		v->faults |= tok_bit(TOK_FUTURE);
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
		v->faults |= tok_bit(TOK_ISS_FORM);
	else if (t->policy->issuers.n && !iss.n)
		v->faults |= tok_bit(TOK_ISS_MISSING);
	else if (t->policy->issuers.n && !one_of(t, iss, &t->policy->issuers))
		v->faults |= tok_bit(TOK_ISS_OTHER);
}

static void
check_audience(struct tok *t, struct slice aud, struct tok_verdict *v)
{
	const struct opt_list *want = &t->policy->audiences;
	bool sound = js_type(aud) == JS_STRING || js_type(aud) == JS_ARRAY, met = false;
	struct slice none, val;

	if (!aud.n) {
		if (want->n)
			v->faults |= tok_bit(TOK_AUD_MISSING);
		return;
	}
	if (js_type(aud) == JS_STRING)
		met = one_of(t, aud, want);
	for (struct js_walk w = js_walk(aud); js_type(aud) == JS_ARRAY && js_next(&w, &none, &val);) {
		sound = sound && js_type(val) == JS_STRING;
		met = met || one_of(t, val, want);
	}
	if (!sound)
		v->faults |= tok_bit(TOK_AUD_FORM);
	else if (want->n && !met)
		v->faults |= tok_bit(TOK_AUD_OTHER);
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

static bool
is_there(struct slice val)
{
	return js_type(val) != JS_NONE && js_type(val) != JS_NULL;
}

static void
check_user(struct tok *t, const struct slice *c, struct tok_verdict *v)
{
	const char *name = t->policy->user_claim;
	struct slice val = name ? tok_claim(v->claims, slice_str(name))
		: is_there(c[USER]) ? c[USER] : c[SUB];

	if (!is_there(val)) {
		if (name)
			v->faults |= tok_bit(TOK_USER_MISSING);
	} else if (is_user(t, val)) {
		v->user = val;
	} else {
		v->faults |= tok_bit(TOK_USER_FORM);
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

		if (!is_there(val))
			v->missing |= 1ull << i;
		else if (!any && !value_is(t, val, want))
			v->other |= 1ull << i;
	}
}

void
tok_check_claims(struct tok *t, int64_t now_ms, struct tok_verdict *v)
{
	struct slice c[CLAIMS] = { { 0 } };
	int n = js_object(buf_view(&t->payload), t->members, TOK_MEMBERS, NULL);

	if (n < 0) {
		v->faults |= tok_bit(TOK_PAYLOAD_FORM);
		return;
	}
	v->claims = slice_trim(buf_view(&t->payload));
	if (!tok_unique(v->claims, &t->scratch))
		v->faults |= tok_bit(TOK_PAYLOAD_TWICE);
	for (int i = 0; i < n; i++) {
		int which = claim_of(t, t->members[i].key);

		if (which >= 0)
			c[which] = t->members[i].val;
	}
	check_times(t, c, now_ms, v);
	check_issuer(t, c[ISS], v);
	check_audience(t, c[AUD], v);
	if (c[SUB].n && js_type(c[SUB]) != JS_STRING)
		v->faults |= tok_bit(TOK_SUB_FORM);
	if (c[JTI].n && js_type(c[JTI]) != JS_STRING)
		v->faults |= tok_bit(TOK_JTI_FORM);
	check_user(t, c, v);
	check_requires(t, v);
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
