#include "routes.h"

#include <stdlib.h>

#include "js.h"
#include "mem.h"
#include "scan.h"
#include "utf8.h"

struct parser {
	struct routes *r;
	routes_report *report;
	void *ctx;
	unsigned errors;
	unsigned number;            /* of the line at hand, from 1 */
	struct routes_block *open;  /* the block that indented lines belong to */
	bool imported;              /* the last of its kind was import, not include */
	bool orphans;               /* an indented line without one was reported */
};

static void
wrong(struct parser *p, const char *at, const char *why)
{
	const char *line = p->r->line[p->number - 1].p;

	p->errors++;
	p->report(p->ctx, p->number, at ? (unsigned)(at - line) + 1 : 0, why);
}

static void
split_lines(struct routes *r)
{
	struct slice rest = r->text;
	unsigned cap = 0;

	while (rest.n) {
		if (r->lines == cap) {
			cap = cap ? cap * 2 : 64;
			r->line = mem_resize(r->line, cap, sizeof(*r->line));
		}
		r->line[r->lines++] = slice_cut(&rest, '\n');
	}
}

/* What may be at the margin behind a pattern or `def`: blanks and a comment. */
static struct slice
skip_blanks(struct slice s)
{
	while (s.n && slice_blank(s.p[0]))
		s = slice_from(s, 1);
	return s;
}

/* Cut a word, or a JSON string, off *rest. p NULL when it was wrong. *quoted tells. */
static struct slice
cut_token(struct parser *p, struct slice *rest, bool *quoted)
{
	struct slice t = { rest->p, 0 };

	*quoted = rest->p[0] == '"';
	if (*quoted) {
		for (t.n = 1; t.n < rest->n && rest->p[t.n] != '"'; t.n++)
			if (rest->p[t.n] == '\\')
				t.n++;
		t.n++;
		if (t.n > rest->n || !js_valid(t, NULL)) {
			wrong(p, rest->p, "not a JSON string");
			return slice_of(NULL, 0);
		}
		if (t.n < rest->n && !slice_blank(rest->p[t.n])) {
			wrong(p, rest->p + t.n, "no blank behind a quoted pattern");
			return slice_of(NULL, 0);
		}
	} else {
		while (t.n < rest->n && !slice_blank(rest->p[t.n]))
			t.n++;
	}
	*rest = skip_blanks(slice_from(*rest, t.n));
	return t;
}

static struct slice
unquote(struct routes *r, struct slice token)
{
	struct buf b = { 0 };
	struct slice text = js_text(token, &b);
	char *copy = mem_copy(text.p, text.n);
	size_t n = text.n;

	buf_free(&b);
	r->strings = mem_resize(r->strings, r->nstrings + 1, sizeof(*r->strings));
	r->strings[r->nstrings++] = copy;
	return slice_of(copy, n);
}

static void
add_pattern(struct parser *p, struct slice text, const char *at)
{
	struct routes *r = p->r;
	struct routes_pattern new = { .text = text, .line = p->number };
	const char *why;

	if (text.n > ROUTES_PATTERN) {
		wrong(p, at, "pattern of more than 4096 bytes");
		return;
	}
	new.dots = topic_compile(text, TOPIC_DOTS, &why);
	if (new.dots)
		new.words = topic_compile(text, 0, &why);
	if (!new.words) {
		topic_free(new.dots);
		wrong(p, at, why);
		return;
	}
	if (!(r->patterns & (r->patterns - 1)))
		r->pattern = mem_resize(r->pattern, r->patterns ? r->patterns * 2 : 1,
		    sizeof(*r->pattern));
	r->pattern[r->patterns++] = new;
	p->open->patterns++;
}

static void
begin_block(struct parser *p, bool is_def)
{
	struct routes *r = p->r;

	if (r->blocks == ROUTES_MOST) {
		wrong(p, NULL, "more than 65536 blocks");
		p->open = NULL;
		return;
	}
	if (!(r->blocks & (r->blocks - 1)))
		r->block = mem_resize(r->block, r->blocks ? r->blocks * 2 : 1, sizeof(*r->block));
	p->open = &r->block[r->blocks++];
	*p->open = (struct routes_block){ .is_def = is_def, .header = p->number,
		.pattern = r->patterns };
}

/* The text of a block's lines, with what is between them. */
static struct slice
block_text(const struct routes *r, const struct routes_block *b)
{
	const struct slice *first = &r->line[b->first - 1], *last = &r->line[b->last - 1];

	return slice_of(first->p, (size_t)(last->p + last->n - first->p));
}

/* The block is complete: is its source whole? */
static void
end_block(struct parser *p)
{
	struct routes_block *b = p->open;
	struct scan_error e;
	unsigned here = p->number;

	p->open = NULL;
	if (!b)
		return;
	b->broken = true;
	p->number = b->header;
	if (!b->first) {
		wrong(p, NULL, b->is_def ? "no definitions below this" : "no program below this pattern");
	} else if (scan_jq(block_text(p->r, b), b->is_def ? SCAN_DEFS : SCAN_PROGRAM, &e)) {
		const char *at = p->r->line[b->first - 1].p + e.at;

		p->number = b->first;
		while (p->number < b->last && p->r->line[p->number].p <= at)
			p->number++;
		wrong(p, at, e.why);
	} else {
		b->broken = false;
	}
	p->number = here;
}

static void
pattern_line(struct parser *p, struct slice line)
{
	struct slice rest = line;

	/* Pattern lines that follow one another share the block below them. */
	if (!p->open || p->open->is_def || p->open->first) {
		end_block(p);
		begin_block(p, false);
	}
	while (p->open && rest.n && !topic_comment(rest)) {
		const char *at = rest.p;
		bool quoted;
		struct slice t = cut_token(p, &rest, &quoted);

		if (!t.p)
			return;
		if (!quoted && at[0] == '#') {
			wrong(p, at, "a pattern cannot begin with '#' here, write ** for it");
			continue;
		}
		add_pattern(p, quoted ? unquote(p->r, t) : t, at);
	}
}

static bool
is_keyword(struct slice line, struct slice word)
{
	return slice_starts(line, word) && (line.n == word.n || slice_blank(line.p[word.n]));
}

static void
margin_line(struct parser *p, struct slice line)
{
	struct routes *r = p->r;

	if (topic_comment(line))
		return;
	if (is_keyword(line, S("def"))) {
		struct slice rest = skip_blanks(slice_from(line, 3));

		end_block(p);
		begin_block(p, true);
		if (rest.n && !topic_comment(rest))
			wrong(p, rest.p, "definitions stand indented below a line with def alone");
	} else if (is_keyword(line, S("import")) || is_keyword(line, S("include"))) {
		end_block(p);
		if (r->blocks) {
			wrong(p, line.p, "import and include come before all else");
			return;
		}
		/* libjq 1.6 takes an include for a part of the import before it. */
		if (line.p[1] == 'n' && p->imported)
			wrong(p, line.p, "include comes before import");
		p->imported = line.p[1] == 'm';
		r->import = mem_resize(r->import, r->imports + 1, sizeof(*r->import));
		r->import[r->imports++] = p->number;
	} else {
		pattern_line(p, line);
	}
}

static void
indented_line(struct parser *p)
{
	if (p->open) {
		if (!p->open->first)
			p->open->first = p->number;
		p->open->last = p->number;
		return;
	}
	if (!p->orphans)
		wrong(p, NULL, "an indented line with no pattern above it");
	p->orphans = true;
}

int
routes_parse(struct slice text, struct routes *r, routes_report *report, void *ctx)
{
	struct parser p = { .r = r, .report = report, .ctx = ctx };

	*r = (struct routes){ .text = text };
	split_lines(r);
	for (p.number = 1; p.number <= r->lines; p.number++) {
		struct slice line = r->line[p.number - 1];

		if (!utf8_valid(line)) {
			wrong(&p, NULL, "invalid UTF-8");
			continue;
		}
		if (p.number == 1 && slice_starts(line, S("\xef\xbb\xbf"))) {
			wrong(&p, line.p, "a byte order mark");
			continue;
		}
		if (!slice_trim(line).n)
			continue;
		if (line.p[0] == ' ' || line.p[0] == '\t')
			indented_line(&p);
		else
			margin_line(&p, slice_trim(line));
	}
	end_block(&p);
	return p.errors ? -1 : 0;
}

void
routes_free(struct routes *r)
{
	for (size_t i = 0; i < r->patterns; i++) {
		topic_free(r->pattern[i].dots);
		topic_free(r->pattern[i].words);
	}
	for (size_t i = 0; i < r->nstrings; i++)
		free(r->strings[i]);
	free(r->strings);
	free(r->pattern);
	free(r->block);
	free(r->import);
	free(r->line);
	*r = (struct routes){ 0 };
}
