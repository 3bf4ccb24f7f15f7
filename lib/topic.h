/* topic - names and patterns made of words.
 * Words are separated by '.' or ':', which mean the same, or by '.' alone (TOPIC_DOTS,
 * for AMQP routing keys). An empty name has no word; "a." has two, the second empty.
 * In a pattern a word stands for itself, but
 *   *         is any one word
 *   # or **   any number of words, none included
 *   {...}     one word or more (TOPIC_CLAIMS, for the rooms file)
 * Pure. Only topic_compile and the index allocate. */
#ifndef TOPIC_H
#define TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
	TOPIC_NAME = 256, /* longest room name, bytes */
	TOPIC_WORDS = 63, /* words of a pattern, at most; names may have any number */
};

enum topic_flags {
	TOPIC_DOTS = 1,   /* only '.' separates */
	TOPIC_CLAIMS = 2, /* {...} is special, elsewhere it is an error */
	TOPIC_ROOM = 4,   /* what holds for room names holds: length, UTF-8, no blanks */
};

/* NULL when `name` may be the name of a room: 1 to 256 bytes of UTF-8 without * # { },
 * blanks and control characters. Else a static reason. */
const char *topic_name_error(struct slice name);

/* True if `text` has a '*' or '#': it is meant as a pattern and is no room name. */
bool topic_is_pattern(struct slice text);

/* True if the '#' that `rest` begins with starts a comment in a rooms or routes file:
 * one with a blank, '!' or nothing behind it. */
bool topic_comment(struct slice rest);

/* The words of a name, in turn: topic_words(name, flags), then topic_next until false. */
struct topic_words {
	const char *p, *end;
	bool more, dots;
};

static inline struct topic_words
topic_words(struct slice name, unsigned flags)
{
	return (struct topic_words){ name.p, name.n ? name.p + name.n : name.p, name.n > 0,
		flags & TOPIC_DOTS };
}

static inline bool
topic_next(struct topic_words *w, struct slice *word)
{
	const char *p = w->p;

	if (!w->more)
		return false;
	while (p < w->end && *p != '.' && (w->dots || *p != ':'))
		p++;
	*word = slice_of(w->p, (size_t)(p - w->p));
	w->more = p < w->end;
	w->p = p + w->more;
	return true;
}

/* --- one pattern --- */

enum topic_kind {
	TOPIC_LITERAL, /* the word `text` */
	TOPIC_ONE,     /* * */
	TOPIC_MANY,    /* # and ** */
	TOPIC_SOME,    /* {text} */
	TOPIC_SET,     /* one word out of `set`; never made by topic_compile */
};

struct topic_word {
	enum topic_kind kind;
	struct slice text;
	const struct slice *set; /* TOPIC_SET: borrowed */
	size_t nset;
};

struct topic {
	char *text; /* what the words point into */
	unsigned flags;
	size_t n;
	struct topic_word word[TOPIC_WORDS];
};

/* Compile `pattern` (copied). NULL with a static reason in *why when it is malformed:
 * too many words, '*' or '#' inside a word, braces that are not a word of their own, or
 * what TOPIC_ROOM forbids. Release with topic_free (NULL is harmless). */
struct topic *topic_compile(struct slice pattern, unsigned flags, const char **why);
void topic_free(struct topic *t);

/* True if `name` fits. Time: words of name x words of pattern. */
bool topic_match(const struct topic *t, struct slice name);

/* True if some name fits both. */
bool topic_overlaps(const struct topic *a, const struct topic *b);

/* True if every name that fits `b` fits `a`. Exact, but for absurd pairs (several
 * hundred states to look at), about which it says false. */
bool topic_covers(const struct topic *a, const struct topic *b);

/* True if every name that fits both `a` and `b` fits `grant`; false about absurd ones,
 * as above. `grant` may hold TOPIC_SET words. */
bool topic_within(const struct topic *a, const struct topic *b, const struct topic *grant);

/* --- many patterns --- */

/* A trie of words. Finding what fits a name costs words of the name x prefixes that fit
 * it, however many other patterns there are, and whatever they are: no backtracking.
 * Values are opaque; NULL is allowed. */
struct topic_index;

/* `flags`: TOPIC_DOTS or 0; patterns added must be compiled with the same. */
struct topic_index *topic_index_new(unsigned flags);
void topic_index_free(struct topic_index *x);

/* Add `value` under `t`, which is not kept. Several values under one pattern are kept
 * in a list, so a pattern with thousands should have one value that stands for them. */
void topic_index_add(struct topic_index *x, const struct topic *t, void *value);

/* Take out one value added with an equal pattern. False when there is none. */
bool topic_index_remove(struct topic_index *x, const struct topic *t, void *value);

/* Call found(ctx, value) for each value whose pattern fits `name`, in no particular
 * order, once for each time it was added. found must not touch the index. */
void topic_index_match(struct topic_index *x, struct slice name,
    void (*found)(void *ctx, void *value), void *ctx);

/* Number of values in it. */
size_t topic_index_count(const struct topic_index *x);

#endif
