#include "rules.h"

#include <stdlib.h>

#include "js.h"
#include "mem.h"
#include "rules_table.h"

/* --- claims --- */

/* The values of a claim that can fit anything, each a slice of `bytes`. */
struct values {
	struct buf bytes;
	struct slice *v;
	size_t n;
};

static void
add_value(struct values *out, struct slice value, bool lower)
{
	size_t at = out->bytes.n;

	if (!rules_is_value(value))
		return;
	buf_slice(&out->bytes, value);
	for (; lower && at < out->bytes.n; at++)
		if (out->bytes.p[at] >= 'A' && out->bytes.p[at] <= 'Z')
			out->bytes.p[at] += 'a' - 'A';
	if ((out->n & (out->n - 1)) == 0)
		out->v = mem_resize(out->v, out->n ? out->n * 2 : 1, sizeof(*out->v));
	out->v[out->n++] = slice_of(NULL, value.n);
}

static void
add_json(struct values *out, struct slice json, bool lower)
{
	struct buf scratch = { 0 };

	switch (js_type(json)) {
	case JS_STRING:
		add_value(out, js_text(json, &scratch), lower);
		break;
	case JS_NUMBER:
	case JS_TRUE:
	case JS_FALSE:
		add_value(out, json, lower);
		break;
	default:
		break;
	}
	buf_free(&scratch);
}

/* The values of `claim`, lower case on request. Release with values_free. */
static struct values
values_of(const struct rules_identity *id, struct slice claim, bool lower)
{
	struct values out = { 0 };
	const char *p;

	if (!id->authenticated)
		return out;
	if (slice_is(claim, "user")) {
		add_value(&out, id->user, lower);
	} else {
		struct slice json = js_path(id->claims, claim), key, item;

		if (js_type(json) == JS_ARRAY) {
			struct js_walk walk = js_walk(json);

			while (js_next(&walk, &key, &item))
				add_json(&out, item, lower);
		} else {
			add_json(&out, json, lower);
		}
	}
	/* Only now that the bytes do not move any more. */
	p = out.bytes.p;
	for (size_t i = 0; i < out.n; p += out.v[i++].n)
		out.v[i].p = p;
	return out;
}

static void
values_free(struct values *values)
{
	buf_free(&values->bytes);
	free(values->v);
}

static bool
same(struct slice a, struct slice b, bool lower)
{
	return lower ? a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0 : slice_eq(a, b);
}

static bool
is_met(const struct requirement *r, const struct rules_identity *id, bool lower)
{
	struct values have = values_of(id, r->claim, false);
	struct slice left = r->values, want;
	bool met = false;

	while (!met && rules_next_value(&left, &want))
		for (size_t i = 0; i < have.n && !met; i++)
			met = same(have.v[i], want, lower);
	values_free(&have);
	return met;
}

/* --- asking --- */

/* NULL when the rule grants rooms to `id`, its {claim}s apart. */
static const char *
refuses(const struct rule *rule, const struct rules_identity *id)
{
	if (!id->authenticated && !(rule->options & RULE_ANYONE))
		return "authentication is required";
	for (size_t i = 0; i < rule->needs; i++)
		if (!is_met(&rule->need[i], id, rule->options & RULE_LOWER))
			return "a requirement is not met";
	return NULL;
}

/* Where words of a room begin that the pattern can go on with: at[i], and at[n + 1] for
 * the end of the room. */
struct places {
	bool at[TOPIC_NAME + 2];
};

/* The place behind the word that begins at i. */
static size_t
behind(struct slice room, size_t i)
{
	while (i < room.n && room.p[i] != '.' && room.p[i] != ':')
		i++;
	return i + 1;
}

/* Go over one value, exactly as it is: its separators too. */
static void
over_value(struct slice room, size_t i, struct slice value, struct places *next)
{
	size_t end = i + value.n;

	if (slice_starts(slice_from(room, i), value) &&
	    (end == room.n || room.p[end] == '.' || room.p[end] == ':'))
		next->at[end + 1] = true;
}

/* True if the room fits the rule's pattern with this connection's claims in it. */
static bool
is_own(const struct rule *rule, struct slice room, const struct rules_identity *id)
{
	struct places now = { .at = { [0] = true } };

	for (size_t k = 0; k < rule->topic->n; k++) {
		const struct topic_word *w = &rule->topic->word[k];
		struct places next = { 0 };
		struct values values = { 0 };

		if (w->kind == TOPIC_SOME)
			values = values_of(id, w->text, rule->options & RULE_LOWER);
		for (size_t i = 0; i <= room.n; i++) {
			if (!now.at[i])
				continue;
			if (w->kind == TOPIC_ONE)
				next.at[behind(room, i)] = true;
			else if (w->kind == TOPIC_LITERAL)
				over_value(room, i, w->text, &next);
			for (size_t v = 0; v < values.n; v++)
				over_value(room, i, values.v[v], &next);
			/* '#' keeps the place and takes the next word, which comes later
			 * in this same loop. */
			if (w->kind == TOPIC_MANY)
				next.at[i] = now.at[behind(room, i)] = true;
		}
		if (w->kind == TOPIC_MANY)
			next.at[room.n + 1] |= now.at[room.n + 1];
		values_free(&values);
		now = next;
	}
	return now.at[room.n + 1];
}

static void
keep_first(void *ctx, void *value)
{
	const struct rule **first = ctx;

	if (!*first || (const struct rule *)value < *first)
		*first = value;
}

static struct rules_answer
no_room(const char *reason)
{
	return (struct rules_answer){ .verdict = RULES_INVALID_ROOM, .reason = reason };
}

static struct rules_answer
refused(const char *reason)
{
	return (struct rules_answer){ .verdict = RULES_REFUSED, .reason = reason };
}

static const struct rules_identity nobody = { 0 };

struct rules_answer
rules_ask(const struct rules *r, struct slice room, const struct rules_identity *id)
{
	struct rules_answer answer = { 0 };
	const struct rule *rule = NULL;
	const char *why = topic_name_error(room);

	if (why)
		return no_room(why);
	topic_index_match(r->index, room, keep_first, &rule);
	if (!rule)
		return no_room("no rule fits this room");
	id = id ? id : &nobody;
	why = refuses(rule, id);
	if (!why && rule->claims && !is_own(rule, room, id))
		why = "the room is somebody else's";
	if (why)
		answer = refused(why);
	answer.automatic = rule->options & RULE_AUTO;
	answer.relay = rule->options & RULE_RELAY;
	answer.publish = !why && rule->options & RULE_PUBLISH && (!rule->publish.claim.n ||
	    is_met(&rule->publish, id, rule->options & RULE_LOWER));
	return answer;
}

/* --- wildcard subscriptions --- */

/* True if `id` owns every room that fits both the rule and `sub`. A value with a
 * separator in it owns none here: '.' and ':' are the same to `sub`, but not in a
 * value. */
static bool
owns_all(const struct rule *rule, const struct topic *sub, const struct rules_identity *id)
{
	struct topic own = *rule->topic;
	struct values values[TOPIC_WORDS];
	bool all;

	for (size_t i = 0; i < own.n; i++) {
		struct topic_word *w = &own.word[i];
		size_t n = 0;

		values[i] = (struct values){ 0 };
		if (w->kind != TOPIC_SOME)
			continue;
		values[i] = values_of(id, w->text, rule->options & RULE_LOWER);
		for (size_t k = 0; k < values[i].n; k++) {
			struct slice v = values[i].v[k];

			if (slice_find(v, '.') == v.n && slice_find(v, ':') == v.n)
				values[i].v[n++] = v;
		}
		w->kind = TOPIC_SET;
		w->set = values[i].v;
		w->nset = n;
	}
	all = topic_within(sub, rule->topic, &own);
	for (size_t i = 0; i < own.n; i++)
		values_free(&values[i]);
	return all;
}

/* True if an earlier rule decides every room that fits both rule k and `sub`. */
static bool
is_shadowed(const struct rules *r, size_t k, const struct topic *sub)
{
	for (size_t i = 0; i < k; i++)
		if (topic_within(sub, r->rule[k].topic, r->rule[i].topic))
			return true;
	return false;
}

struct rules_answer
rules_ask_pattern(const struct rules *r, const struct topic *sub,
    const struct rules_identity *id)
{
	bool any = false;

	id = id ? id : &nobody;
	for (size_t k = 0; k < r->n; k++) {
		const struct rule *rule = &r->rule[k];
		const char *why;

		if (!topic_overlaps(rule->topic, sub))
			continue;
		any = true;
		why = refuses(rule, id);
		if (!why && rule->claims && !owns_all(rule, sub, id))
			why = "a room it matches is somebody else's";
		if (why && !is_shadowed(r, k, sub))
			return refused(why);
		if (topic_covers(rule->topic, sub))
			return (struct rules_answer){ 0 };
	}
	return any ? refused("not every room it matches has a rule") :
	    no_room("no rule fits a room it matches");
}

/* --- rooms from the start --- */

/* The names one `auto` rule gives, as the digits of a counter: value[i] is the one in
 * use of the i-th {claim}. */
struct expansion {
	const struct rule *rule;
	struct values values[TOPIC_WORDS];
	size_t digit[TOPIC_WORDS];
};

static void
put_name(const struct expansion *e, struct buf *name)
{
	const struct topic *t = e->rule->topic;
	const char *p = t->text;

	for (size_t i = 0; i < t->n; i++) {
		const struct topic_word *w = &t->word[i];

		if (w->kind == TOPIC_SOME) {
			buf_add(name, p, (size_t)(w->text.p - 1 - p));
			buf_slice(name, e->values[i].v[e->digit[i]]);
			p = w->text.p + w->text.n + 1;
		}
	}
	buf_str(name, p);
}

/* The next combination; false after the last. The last claim turns fastest. */
static bool
turn(struct expansion *e)
{
	for (size_t i = e->rule->topic->n; i-- > 0;) {
		if (e->values[i].n == 0)
			continue;
		if (++e->digit[i] < e->values[i].n)
			return true;
		e->digit[i] = 0;
	}
	return false;
}

/* Names that were given already, each ended by a blank, which no name has. */
static bool
is_among(struct slice names, struct slice name)
{
	while (names.n)
		if (slice_eq(slice_cut(&names, ' '), name))
			return true;
	return false;
}

void
rules_auto(const struct rules *r, const struct rules_identity *id,
    void (*join)(void *ctx, struct slice room), void *ctx)
{
	struct buf given = { 0 }, name = { 0 };

	id = id ? id : &nobody;
	for (size_t k = 0; k < r->n; k++) {
		struct expansion e = { .rule = &r->rule[k] };
		bool known = e.rule->options & RULE_AUTO;
		int left = RULES_AUTO;

		if (!known || refuses(e.rule, id))
			continue;
		for (size_t i = 0; i < e.rule->topic->n; i++) {
			const struct topic_word *w = &e.rule->topic->word[i];

			if (w->kind != TOPIC_SOME)
				continue;
			e.values[i] = values_of(id, w->text, e.rule->options & RULE_LOWER);
			known &= e.values[i].n > 0;
		}
		for (bool more = known; more && left > 0; more = turn(&e), left--) {
			buf_clear(&name);
			put_name(&e, &name);
			if (is_among(buf_view(&given), buf_view(&name)) ||
			    rules_ask(r, buf_view(&name), id).verdict != RULES_GRANTED)
				continue;
			join(ctx, buf_view(&name));
			buf_slice(&given, buf_view(&name));
			buf_byte(&given, ' ');
		}
		for (size_t i = 0; i < e.rule->topic->n; i++)
			values_free(&e.values[i]);
	}
	buf_free(&given);
	buf_free(&name);
}
