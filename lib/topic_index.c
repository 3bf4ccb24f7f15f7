/* The index of topic.h: a trie with one level a word of the pattern. Matching keeps the
 * set of nodes whose patterns fit the words read so far, as one does for a
 * nondeterministic automaton; each node is in it once, so no choice of patterns and
 * names makes it slow. */
#include <stdlib.h>

#include "hash.h"
#include "mem.h"
#include "topic.h"

struct node {
	struct node *parent;
	struct node *one, *many, *some; /* children that are no literals */
	struct node *next;              /* in its slot of the table of literals */
	uint64_t hash;                  /* of the word */
	uint64_t id;                    /* never used again */
	uint64_t round;                 /* of matching that met it last */
	void **value;
	size_t nvalue, value_cap;
	size_t children;
	enum topic_kind kind;
	size_t n;
	char word[];
};

struct topic_index {
	unsigned flags;
	struct node *root;
	struct node **slot; /* literal children of all nodes, by parent and word */
	size_t slots, literals, values, nodes;
	uint64_t ids, round;
	struct node **active[2]; /* scratch of matching, room for all nodes each */
	size_t active_cap;
};

static struct node *
node_new(struct topic_index *x, struct node *parent, enum topic_kind kind, struct slice word)
{
	struct node *n = mem_zero(1, sizeof(*n) + word.n);

	n->parent = parent;
	n->kind = kind;
	n->id = ++x->ids;
	n->n = word.n;
	if (word.n)
		memcpy(n->word, word.p, word.n);
	if (parent)
		parent->children++;
	x->nodes++;
	return n;
}

struct topic_index *
topic_index_new(unsigned flags)
{
	struct topic_index *x = mem_zero(1, sizeof(*x));

	x->flags = flags & TOPIC_DOTS;
	x->slots = 64;
	x->slot = mem_zero(x->slots, sizeof(*x->slot));
	x->root = node_new(x, NULL, TOPIC_LITERAL, S(""));
	return x;
}

static void
node_free(struct node *n)
{
	if (n)
		free(n->value);
	free(n);
}

/* Nodes that are no literals hang on their parents only. A pattern has TOPIC_WORDS
 * words, which bounds the depth of this. */
static void
free_wild(struct node *n)
{
	if (!n)
		return;
	free_wild(n->one);
	free_wild(n->many);
	free_wild(n->some);
	if (n->kind != TOPIC_LITERAL)
		node_free(n);
}

void
topic_index_free(struct topic_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->slots; i++)
		for (struct node *n = x->slot[i]; n; n = n->next)
			free_wild(n);
	free_wild(x->root);
	for (size_t i = 0; i < x->slots; i++)
		for (struct node *n = x->slot[i], *next; n; n = next) {
			next = n->next;
			node_free(n);
		}
	node_free(x->root);
	free(x->slot);
	free(x->active[0]);
	free(x->active[1]);
	free(x);
}

/* --- literal children --- */

/* The words' hash is keyed; the parent's number only spreads it, so a multiplication
 * (by 2^64 over the golden ratio) does. */
static size_t
slot_of(const struct topic_index *x, uint64_t parent, uint64_t hash)
{
	uint64_t h = (hash ^ parent) * 0x9e3779b97f4a7c15u;

	return (h >> 32) & (x->slots - 1);
}

static struct node *
literal(const struct topic_index *x, const struct node *parent, struct slice word, uint64_t hash)
{
	struct node *n = x->slot[slot_of(x, parent->id, hash)];

	while (n && !(n->hash == hash && n->parent == parent &&
	    slice_eq(slice_of(n->word, n->n), word)))
		n = n->next;
	return n;
}

static void
grow(struct topic_index *x)
{
	struct node **old = x->slot;
	size_t n = x->slots;

	x->slots = n * 2;
	x->slot = mem_zero(x->slots, sizeof(*x->slot));
	for (size_t i = 0; i < n; i++)
		for (struct node *at = old[i], *next; at; at = next) {
			struct node **to = &x->slot[slot_of(x, at->parent->id, at->hash)];

			next = at->next;
			at->next = *to;
			*to = at;
		}
	free(old);
}

static struct node *
add_literal(struct topic_index *x, struct node *parent, struct slice word, uint64_t hash)
{
	struct node *n = node_new(x, parent, TOPIC_LITERAL, word);
	struct node **to;

	if (++x->literals > x->slots)
		grow(x);
	n->hash = hash;
	to = &x->slot[slot_of(x, parent->id, hash)];
	n->next = *to;
	*to = n;
	return n;
}

static void
remove_literal(struct topic_index *x, struct node *n)
{
	struct node **at = &x->slot[slot_of(x, n->parent->id, n->hash)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	x->literals--;
}

/* Where the child of a wildcard kind hangs. */
static struct node **
wild(struct node *n, enum topic_kind kind)
{
	return kind == TOPIC_ONE ? &n->one : kind == TOPIC_MANY ? &n->many : &n->some;
}

/* --- adding and removing --- */

/* The node of a pattern; NULL when it is not there, unless `make`. */
static struct node *
node_of(struct topic_index *x, const struct topic *t, bool make)
{
	struct node *n = x->root;

	for (size_t i = 0; n && i < t->n; i++) {
		const struct topic_word *w = &t->word[i];
		struct node *child;

		if (w->kind == TOPIC_LITERAL) {
			uint64_t hash = hash_bytes(w->text);

			child = literal(x, n, w->text, hash);
			if (!child && make)
				child = add_literal(x, n, w->text, hash);
		} else {
			child = *wild(n, w->kind);
			if (!child && make)
				child = *wild(n, w->kind) = node_new(x, n, w->kind, S(""));
		}
		n = child;
	}
	return n;
}

void
topic_index_add(struct topic_index *x, const struct topic *t, void *value)
{
	struct node *n = node_of(x, t, true);

	if (n->nvalue == n->value_cap) {
		n->value_cap = n->value_cap ? n->value_cap * 2 : 1;
		n->value = mem_resize(n->value, n->value_cap, sizeof(*n->value));
	}
	n->value[n->nvalue++] = value;
	x->values++;
	if (x->active_cap < x->nodes) {
		x->active_cap = x->nodes * 2;
		for (int i = 0; i < 2; i++)
			x->active[i] = mem_resize(x->active[i], x->active_cap,
			    sizeof(*x->active[i]));
	}
}

bool
topic_index_remove(struct topic_index *x, const struct topic *t, void *value)
{
	struct node *n = node_of(x, t, false);
	size_t i = 0;

	while (n && i < n->nvalue && n->value[i] != value)
		i++;
	if (!n || i == n->nvalue)
		return false;
	n->value[i] = n->value[--n->nvalue];
	x->values--;
	while (n != x->root && n->nvalue == 0 && n->children == 0) {
		struct node *parent = n->parent;

		if (n->kind == TOPIC_LITERAL)
			remove_literal(x, n);
		else
			*wild(parent, n->kind) = NULL;
		parent->children--;
		x->nodes--;
		node_free(n);
		n = parent;
	}
	return true;
}

/* --- matching --- */

/* Put n among the active nodes, once, and with it the child that '#' for no word at all
 * leads to. */
static void
activate(struct topic_index *x, struct node **active, size_t *count, struct node *n)
{
	for (; n && n->round != x->round; n = n->many) {
		n->round = x->round;
		active[(*count)++] = n;
	}
}

void
topic_index_match(struct topic_index *x, struct slice name,
    void (*found)(void *ctx, void *value), void *ctx)
{
	struct topic_words words = topic_words(name, x->flags);
	struct node **now = x->active[0], **then = x->active[1];
	size_t count = 0;
	struct slice word;

	if (x->values == 0)
		return;
	x->round++;
	activate(x, now, &count, x->root);
	while (count && topic_next(&words, &word)) {
		uint64_t hash = hash_bytes(word);
		size_t after = 0;

		x->round++;
		for (size_t i = 0; i < count; i++) {
			struct node *n = now[i];

			if (n->kind == TOPIC_MANY || n->kind == TOPIC_SOME)
				activate(x, then, &after, n);
			activate(x, then, &after, literal(x, n, word, hash));
			activate(x, then, &after, n->one);
			activate(x, then, &after, n->some);
		}
		struct node **swap = now;

		now = then;
		then = swap;
		count = after;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < now[i]->nvalue; k++)
			found(ctx, now[i]->value[k]);
}

size_t
topic_index_count(const struct topic_index *x)
{
	return x->values;
}
