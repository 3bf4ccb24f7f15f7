#include "scan.h"

#include <stdbool.h>

/* An open bracket: '(', '[', '{', or '"' for a string that an interpolation interrupts.
 * `defs` counts the definitions begun in it that no ';' has ended. */
struct open {
	char bracket;
	size_t at;
	unsigned defs;
};

struct scan {
	struct slice text;
	size_t i;
	struct open open[SCAN_DEPTH];
	unsigned depth; /* open[0] is the text itself */
	struct scan_error *error;
};

static int
fail(struct scan *s, size_t at, const char *why)
{
	s->error->at = at;
	s->error->why = why;
	return -1;
}

static int
push(struct scan *s, char bracket)
{
	if (s->depth + 1 == SCAN_DEPTH)
		return fail(s, s->i, "nested too deeply");
	s->open[++s->depth] = (struct open){ .bracket = bracket, .at = s->i };
	return 0;
}

static const char *
unclosed(char bracket)
{
	switch (bracket) {
	case '(':
		return "'(' is not closed";
	case '[':
		return "'[' is not closed";
	case '{':
		return "'{' is not closed";
	default:
		return "unterminated string";
	}
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

/* From s->i, inside a string, to behind its end or behind the "\(" of an interpolation,
 * which is left open. */
static int
string(struct scan *s)
{
	for (; s->i < s->text.n; s->i++) {
		char c = s->text.p[s->i];

		if (c == '"') {
			s->i++;
			s->depth--;
			return 0;
		}
		if (c == '\\' && s->i + 1 < s->text.n) {
			s->i++;
			if (s->text.p[s->i] == '(') {
				if (push(s, '('))
					return -1;
				s->i++;
				return 0;
			}
		}
	}
	return fail(s, s->open[s->depth].at, "unterminated string");
}

static int
close_bracket(struct scan *s, char c)
{
	struct open *o = &s->open[s->depth];
	char want = c == ')' ? '(' : c == ']' ? '[' : '{';

	if (!s->depth)
		return fail(s, s->i, c == ')' ? "')' closes nothing" : c == ']' ? "']' closes nothing"
			: "'}' closes nothing");
	if (o->bracket != want)
		return fail(s, o->at, unclosed(o->bracket));
	if (o->defs)
		return fail(s, s->i, "a definition before this has no ';'");
	s->i++;
	s->depth--;
	/* The end of an interpolation: the string goes on. */
	return s->depth && s->open[s->depth].bracket == '"' ? string(s) : 0;
}

static int
semicolon(struct scan *s)
{
	struct open *o = &s->open[s->depth];

	/* In parentheses it may separate arguments; a def's parameters have none of their own. */
	if (o->defs)
		o->defs--;
	else if (o->bracket != '(')
		return fail(s, s->i, "';' ends no definition");
	s->i++;
	return 0;
}

/* `def` is the keyword when a name follows; {def: 1} and .def are not. */
static bool
begins_def(struct slice rest)
{
	size_t i = 3;

	if (!slice_starts(rest, S("def")) || rest.n == 3 || !slice_blank(rest.p[3]))
		return false;
	while (i < rest.n && slice_blank(rest.p[i]))
		i++;
	return i < rest.n && is_name(rest.p[i]);
}

static int
name(struct scan *s)
{
	size_t start = s->i;
	char before = start ? s->text.p[start - 1] : ' ';
	struct slice word;

	if (before != '.' && before != '$' && begins_def(slice_from(s->text, start)))
		s->open[s->depth].defs++;
	while (s->i < s->text.n && is_name(s->text.p[s->i]))
		s->i++;
	word = slice_of(s->text.p + start, s->i - start);
	if (before == '$' && slice_is(word, "ENV"))
		return fail(s, start - 1, "the environment is not available, pass values with --arg");
	return 0;
}

static int
comment(struct scan *s)
{
	size_t end = s->i + slice_find(slice_from(s->text, s->i), '\n');

	if (s->text.p[end - 1] == '\\')
		return fail(s, end - 1, "a comment must not end with a backslash");
	s->i = end;
	return 0;
}

/* One token, or a piece of one. */
static int
token(struct scan *s)
{
	char c = s->text.p[s->i];

	switch (c) {
	case '#':
		return comment(s);
	case '"':
		if (push(s, '"'))
			return -1;
		s->i++;
		return string(s);
	case '(':
	case '[':
	case '{':
		if (push(s, c))
			return -1;
		s->i++;
		return 0;
	case ')':
	case ']':
	case '}':
		return close_bracket(s, c);
	case ';':
		return semicolon(s);
	case '\0':
		return fail(s, s->i, "NUL byte");
	default:
		if (is_name(c))
			return name(s);
		s->i++;
		return 0;
	}
}

int
scan_jq(struct slice text, enum scan_kind kind, struct scan_error *e)
{
	struct scan s = { .text = text, .error = e };
	bool something = false;

	while (s.i < text.n) {
		char c = text.p[s.i];

		if (slice_blank(c)) {
			s.i++;
			continue;
		}
		if (c != '#') {
			something = true;
			if (kind == SCAN_DEFS && !s.depth && !s.open[0].defs &&
			    !begins_def(slice_from(text, s.i)))
				return fail(&s, s.i, "only definitions can be here: def NAME: …;");
		}
		if (token(&s))
			return -1;
	}
	if (s.depth)
		return fail(&s, s.open[s.depth].at, unclosed(s.open[s.depth].bracket));
	if (s.open[0].defs)
		return fail(&s, text.n, "a definition before this has no ';'");
	if (!something)
		return fail(&s, text.n, kind == SCAN_DEFS ? "no definitions" : "no program");
	return 0;
}
