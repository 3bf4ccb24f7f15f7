#include "topic.h"

#include <stdlib.h>

#include "mem.h"
#include "utf8.h"

/* --- names --- */

/* C1 controls are c2 80 to c2 9f in UTF-8. */
static bool
has_blank_or_control(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == 0x7f ||
		    (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0))
			return true;
	}
	return false;
}

const char *
topic_name_error(struct slice name)
{
	if (topic_is_pattern(name))
		return "a room name has no '*' and no '#'";
	if (slice_find(name, '{') < name.n || slice_find(name, '}') < name.n)
		return "a room name has no braces";
	if (name.n == 0)
		return "a room name is not empty";
	if (name.n > TOPIC_NAME)
		return "a room name has 256 bytes at most";
	if (has_blank_or_control(name))
		return "a room name has no blanks and no control characters";
	return utf8_valid(name) ? NULL : "a room name is UTF-8";
}

bool
topic_is_pattern(struct slice text)
{
	return slice_find(text, '*') < text.n || slice_find(text, '#') < text.n;
}

bool
topic_comment(struct slice rest)
{
	return rest.n && rest.p[0] == '#' &&
	    (rest.n == 1 || slice_blank(rest.p[1]) || rest.p[1] == '!');
}

/* --- compiling --- */

static const char *
compile_word(struct topic_word *w, struct slice text, unsigned flags)
{
	size_t n = text.n;

	*w = (struct topic_word){ .kind = TOPIC_LITERAL, .text = text };
	if (slice_is(text, "*")) {
		w->kind = TOPIC_ONE;
	} else if (slice_is(text, "#") || slice_is(text, "**")) {
		w->kind = TOPIC_MANY;
	} else if (topic_is_pattern(text)) {
		return "'*', '**' and '#' must be words of their own";
	} else if (flags & (TOPIC_CLAIMS | TOPIC_ROOM)) {
		size_t open = slice_find(text, '{'), close = slice_find(text, '}');

		if (open == n && close == n)
			return NULL;
		if (!(flags & TOPIC_CLAIMS))
			return "no braces are allowed here";
		if (n < 3 || open != 0 || close != n - 1 ||
		    slice_find(slice_from(text, 1), '{') < n - 1)
			return "'{claim}' must be a word of its own";
		w->kind = TOPIC_SOME;
		w->text = slice_of(text.p + 1, n - 2);
	}
	return NULL;
}

/* The next word of a pattern. Separators within braces belong to the claim's name:
 * {a.b} is one word. */
static bool
next_pattern_word(struct topic_words *w, unsigned flags, struct slice *word)
{
	const char *start = w->p;

	if (!topic_next(w, word))
		return false;
	if ((flags & TOPIC_CLAIMS) && word->n && word->p[0] == '{')
		while (slice_find(*word, '}') == word->n && topic_next(w, word))
			*word = slice_of(start, (size_t)(word->p + word->n - start));
	return true;
}

static const char *
compile(struct topic *t, struct slice pattern)
{
	struct topic_words words = topic_words(pattern, t->flags);
	struct slice text;
	const char *why;

	while (next_pattern_word(&words, t->flags, &text)) {
		if (t->n == TOPIC_WORDS)
			return "a pattern has 63 words at most";
		if ((why = compile_word(&t->word[t->n], text, t->flags)))
			return why;
		/* "#.#" is "#"; one of them keeps the walks below short. */
		if (t->word[t->n].kind != TOPIC_MANY || t->n == 0 ||
		    t->word[t->n - 1].kind != TOPIC_MANY)
			t->n++;
	}
	return NULL;
}

/* What of topic_name_error holds for patterns too. */
static const char *
room_error(struct slice pattern)
{
	if (pattern.n == 0)
		return "a pattern is not empty";
	if (pattern.n > TOPIC_NAME)
		return "a pattern has 256 bytes at most";
	if (has_blank_or_control(pattern))
		return "a pattern has no blanks and no control characters";
	return utf8_valid(pattern) ? NULL : "a pattern is UTF-8";
}

struct topic *
topic_compile(struct slice pattern, unsigned flags, const char **why)
{
	struct topic *t;

	if ((flags & TOPIC_ROOM) && (*why = room_error(pattern)))
		return NULL;
	t = mem_zero(1, sizeof(*t));
	t->text = mem_copy(pattern.p, pattern.n);
	t->flags = flags;
	if ((*why = compile(t, slice_of(t->text, pattern.n)))) {
		topic_free(t);
		return NULL;
	}
	return t;
}

void
topic_free(struct topic *t)
{
	if (t)
		free(t->text);
	free(t);
}

/* --- matching ---
 * A pattern of n words is a nondeterministic automaton with the states 0 to n: in state
 * i the first i words are used up. TOPIC_WORDS is 63, so a set of states is one integer. */

static uint64_t
bit(size_t i)
{
	return (uint64_t)1 << i;
}

/* A '#' may stand for nothing: who is before it is also behind it. */
static uint64_t
skip_many(const struct topic *t, uint64_t states)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->word[i].kind == TOPIC_MANY && states & bit(i))
			states |= bit(i + 1);
	return states;
}

/* A word of which nothing is known but that no pattern names it. */
static const struct slice fresh = { NULL, 0 };

static bool
is_fresh(struct slice word)
{
	return word.p == NULL;
}

static bool
word_fits(const struct topic_word *w, struct slice word)
{
	switch (w->kind) {
	case TOPIC_LITERAL:
		return !is_fresh(word) && slice_eq(w->text, word);
	case TOPIC_SET:
		for (size_t i = 0; i < w->nset && !is_fresh(word); i++)
			if (slice_eq(w->set[i], word))
				return true;
		return false;
	default:
		return true;
	}
}

/* The states after one more word. */
static uint64_t
step(const struct topic *t, uint64_t states, struct slice word)
{
	uint64_t after = 0;

	for (uint64_t left = states & ~bit(t->n); left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);
		enum topic_kind kind = t->word[i].kind;

		if (!word_fits(&t->word[i], word))
			continue;
		if (kind == TOPIC_MANY || kind == TOPIC_SOME)
			after |= bit(i);
		if (kind != TOPIC_MANY)
			after |= bit(i + 1);
	}
	return skip_many(t, after);
}

bool
topic_match(const struct topic *t, struct slice name)
{
	struct topic_words words = topic_words(name, t->flags);
	uint64_t states = skip_many(t, 1);
	struct slice word;

	while (states && topic_next(&words, &word))
		states = step(t, states, word);
	return states & bit(t->n);
}

/* --- relations between patterns --- */

/* What patterns a and b both take as their next word, being in states i and j: false
 * when nothing; else *word is the one word it can be, or `fresh` when it can be any.
 * To prove that all of those are in a third pattern, a fresh word is enough: what takes
 * a word that it does not name takes every word there. */
static bool
common_word(const struct topic_word *a, const struct topic_word *b, struct slice *word)
{
	if (a->kind == TOPIC_LITERAL)
		*word = a->text;
	else if (b->kind == TOPIC_LITERAL)
		*word = b->text;
	else
		*word = fresh;
	return is_fresh(*word) || (word_fits(a, *word) && word_fits(b, *word));
}

/* Where a word takes state i: it may stay (*, {...}), or go on to i + 1. */
static bool
may_stay(const struct topic_word *w)
{
	return w->kind == TOPIC_MANY || w->kind == TOPIC_SOME;
}

static bool
may_go(const struct topic_word *w)
{
	return w->kind != TOPIC_MANY;
}

/* Fill live[i]: the states j of b from which, with a in state i, both can still end. */
static void
find_live(const struct topic *a, const struct topic *b, uint64_t live[TOPIC_WORDS + 1])
{
	for (size_t i = a->n + 1; i-- > 0;) {
		live[i] = 0;
		for (size_t j = b->n + 1; j-- > 0;) {
			const struct topic_word *v = &a->word[i], *w = &b->word[j];
			bool ok = i == a->n && j == b->n;
			struct slice word;

			if (i < a->n && v->kind == TOPIC_MANY)
				ok |= (live[i + 1] & bit(j)) != 0;
			if (j < b->n && w->kind == TOPIC_MANY)
				ok |= (live[i] & bit(j + 1)) != 0;
			if (!ok && i < a->n && j < b->n && common_word(v, w, &word)) {
				ok |= may_go(v) && may_go(w) && live[i + 1] & bit(j + 1);
				ok |= may_go(v) && may_stay(w) && live[i + 1] & bit(j);
				ok |= may_stay(v) && may_go(w) && live[i] & bit(j + 1);
			}
			if (ok)
				live[i] |= bit(j);
		}
	}
}

bool
topic_overlaps(const struct topic *a, const struct topic *b)
{
	uint64_t live[TOPIC_WORDS + 1];

	find_live(a, b, live);
	return live[0] & 1;
}

/* All that can be while a and b read the same name, each in one state and the third
 * pattern in a set of them. */
enum { SEEN = 512 };

struct walk {
	const struct topic *a, *b, *grant;
	uint64_t live[TOPIC_WORDS + 1];
	struct seen {
		unsigned char i, j;
		uint64_t states;
	} seen[SEEN];
	size_t n;
};

/* Note that (i, j) can be reached with these states of `grant`. False when this proves a
 * name that `grant` does not take, or when there is too much to look at. */
static bool
reach(struct walk *w, size_t i, size_t j, uint64_t states)
{
	if (!(w->live[i] & bit(j)))
		return true;
	if (states == 0 || (i == w->a->n && j == w->b->n && !(states & bit(w->grant->n))))
		return false;
	/* With more states more is taken: what was looked at with fewer holds here too. */
	for (size_t k = 0; k < w->n; k++) {
		const struct seen *s = &w->seen[k];

		if (s->i == i && s->j == j && (s->states & ~states) == 0)
			return true;
	}
	if (w->n == SEEN)
		return false;
	w->seen[w->n++] = (struct seen){ (unsigned char)i, (unsigned char)j, states };
	return true;
}

static bool
advance(struct walk *w, struct seen at)
{
	const struct topic_word *v = &w->a->word[at.i], *u = &w->b->word[at.j];
	bool a_left = at.i < w->a->n, b_left = at.j < w->b->n;
	struct slice word;
	uint64_t after;

	if (a_left && v->kind == TOPIC_MANY && !reach(w, at.i + 1u, at.j, at.states))
		return false;
	if (b_left && u->kind == TOPIC_MANY && !reach(w, at.i, at.j + 1u, at.states))
		return false;
	if (!a_left || !b_left || !common_word(v, u, &word))
		return true;
	after = step(w->grant, at.states, word);
	if (may_go(v) && may_go(u) && !reach(w, at.i + 1u, at.j + 1u, after))
		return false;
	if (may_go(v) && may_stay(u) && !reach(w, at.i + 1u, at.j, after))
		return false;
	if (may_stay(v) && may_go(u) && !reach(w, at.i, at.j + 1u, after))
		return false;
	return !may_stay(v) || !may_stay(u) || reach(w, at.i, at.j, after);
}

bool
topic_within(const struct topic *a, const struct topic *b, const struct topic *grant)
{
	struct walk w;

	w.a = a;
	w.b = b;
	w.grant = grant;
	w.n = 0;
	find_live(a, b, w.live);
	if (!reach(&w, 0, 0, skip_many(grant, 1)))
		return false;
	for (size_t k = 0; k < w.n; k++)
		if (!advance(&w, w.seen[k]))
			return false;
	return true;
}

bool
topic_covers(const struct topic *a, const struct topic *b)
{
	static const struct topic any = { .n = 1, .word = { { .kind = TOPIC_MANY } } };

	return topic_within(b, &any, a);
}
