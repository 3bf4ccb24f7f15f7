/* The rooms file as text, and the two tables that hold without one. */
#include <errno.h>
#include <stdlib.h>

#include "io.h"
#include "mem.h"
#include "rules_table.h"

static const struct {
	struct slice name;
	enum rule_option bit;
} flags[] = {
	{ { "auto", 4 }, RULE_AUTO }, { { "lower", 5 }, RULE_LOWER }, { { "anyone", 6 }, RULE_ANYONE },
	{ { "publish", 7 }, RULE_PUBLISH }, { { "relay", 5 }, RULE_RELAY },
};

/* The next word of a line; empty at its end, a comment included. */
static struct slice
cut_word(struct slice *line)
{
	struct slice word;
	size_t n = 0;

	*line = slice_trim(*line);
	if (topic_comment(*line))
		*line = slice_of(line->p, 0);
	while (n < line->n && !slice_blank(line->p[n]))
		n++;
	word = slice_of(line->p, n);
	*line = slice_from(*line, n);
	return word;
}

static const char *
parse_requirement(struct slice text, struct requirement *r)
{
	struct slice claim = slice_cut(&text, '='), left = text, value;

	if (claim.n < 3 || claim.p[0] != '{' || claim.p[claim.n - 1] != '}' ||
	    slice_find(slice_of(claim.p + 1, claim.n - 2), '{') < claim.n - 2 ||
	    slice_find(slice_of(claim.p + 1, claim.n - 2), '}') < claim.n - 2)
		return "a requirement is {claim}=VALUE|VALUE";
	r->claim = slice_of(claim.p + 1, claim.n - 2);
	r->values = text;
	if (text.n == 0 || text.p[text.n - 1] == '|')
		return "a requirement names a value";
	while (rules_next_value(&left, &value))
		if (!rules_is_value(value))
			return "a requirement names a value that no claim can have";
	return NULL;
}

static const char *
parse_option(struct rule *rule, struct slice word)
{
	struct slice publish = S("publish:");
	struct requirement r;
	const char *why;

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (slice_eq(word, flags[i].name)) {
			if (rule->options & flags[i].bit)
				return "a repeated option";
			rule->options |= flags[i].bit;
			return NULL;
		}
	if (slice_starts(word, publish)) {
		if (rule->options & RULE_PUBLISH)
			return "a repeated option";
		rule->options |= RULE_PUBLISH;
		return parse_requirement(slice_from(word, publish.n), &rule->publish);
	}
	if (word.p[0] != '{')
		return "an unknown option";
	if ((why = parse_requirement(word, &r)))
		return why;
	rule->need = mem_resize(rule->need, rule->needs + 1, sizeof(*rule->need));
	rule->need[rule->needs++] = r;
	return NULL;
}

/* Options that make no sense together or with the pattern. */
static const char *
check_rule(const struct rule *rule)
{
	for (size_t i = 0; i < rule->topic->n; i++) {
		enum topic_kind kind = rule->topic->word[i].kind;

		if (rule->options & RULE_AUTO && (kind == TOPIC_ONE || kind == TOPIC_MANY))
			return "'auto' needs the name of a room, not a pattern";
	}
	if (rule->options & RULE_RELAY && !(rule->options & RULE_PUBLISH))
		return "'relay' needs 'publish'";
	if (rule->options & RULE_LOWER && !rule->claims && !rule->needs && !rule->publish.claim.n)
		return "'lower' needs a {claim}";
	return NULL;
}

static void
rule_clear(struct rule *rule)
{
	topic_free(rule->topic);
	free(rule->need);
}

/* One line that is no comment. *at is the word in hand, for the message. */
static const char *
parse_rule(struct rule *rule, struct slice line, struct slice *at)
{
	struct slice word;
	const char *why;

	*at = cut_word(&line);
	if (at->p[0] == '#')
		return "a pattern that begins with '#' is written with '**'";
	rule->topic = topic_compile(*at, TOPIC_ROOM | TOPIC_CLAIMS, &why);
	if (!rule->topic)
		return why;
	for (size_t i = 0; i < rule->topic->n; i++)
		rule->claims |= rule->topic->word[i].kind == TOPIC_SOME;
	while ((word = cut_word(&line)).n) {
		*at = word;
		if ((why = parse_option(rule, word)))
			return why;
	}
	return check_rule(rule);
}

struct rules *
rules_parse(struct slice text, const char *file, struct buf *why)
{
	struct rules *r = mem_zero(1, sizeof(*r));
	struct slice left;

	buf_clear(why);
	r->text = mem_copy(text.p, text.n);
	left = slice_of(r->text, text.n);
	for (size_t number = 1; left.n; number++) {
		struct slice line = slice_trim(slice_cut(&left, '\n')), at;
		struct rule rule = { 0 };
		const char *reason;

		if (line.n == 0 || topic_comment(line))
			continue;
		if ((reason = parse_rule(&rule, line, &at))) {
			buf_fmt(why, "%s:%zu: %s: '%.*s'", file, number, reason,
			    at.n > 80 ? 80 : (int)at.n, at.p);
			rule_clear(&rule);
			rules_free(r);
			return NULL;
		}
		/* Room for twice as many whenever the number is a power of two. */
		if ((r->n & (r->n - 1)) == 0)
			r->rule = mem_resize(r->rule, r->n ? r->n * 2 : 1, sizeof(*r->rule));
		r->rule[r->n++] = rule;
	}
	r->index = topic_index_new(0);
	for (size_t i = 0; i < r->n; i++)
		topic_index_add(r->index, r->rule[i].topic, &r->rule[i]);
	return r;
}

struct rules *
rules_load(const char *path, struct buf *why)
{
	struct buf text = { 0 };
	struct rules *r = NULL;

	if (io_read_file(path, RULES_FILE, &text) == 0) {
		r = rules_parse(buf_view(&text), path, why);
	} else {
		buf_clear(why);
		buf_fmt(why, "cannot read %s: %s", path, strerror(errno));
	}
	buf_free(&text);
	return r;
}

struct rules *
rules_builtin(bool auth)
{
	struct buf why = { 0 };
	struct rules *r = rules_parse(auth ?
	    S("user:{user} auto\nrole:{role} auto lower\nbroadcast auto anyone\n**\n") :
	    S("broadcast auto anyone\n** anyone\n"), "built-in", &why);

	buf_free(&why);
	return r;
}

void
rules_free(struct rules *r)
{
	if (!r)
		return;
	topic_index_free(r->index);
	for (size_t i = 0; i < r->n; i++)
		rule_clear(&r->rule[i]);
	free(r->rule);
	free(r->text);
	free(r);
}
