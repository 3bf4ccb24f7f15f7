#include "router.h"

#include <libgen.h>
#include <stdlib.h>

#include "jqval.h"
#include "mem.h"
#include "mistakes.h"
#include "now.h"
#include "routes.h"
#include "topic.h"

/* Subjects come again and again: what router_match found for the short ones is kept,
 * direct mapped. */
enum {
	KEPT = 256,
	KEPT_SUBJECT = 64, /* bytes */
	KEPT_HITS = 6,     /* routes */
};

struct kept {
	bool set, dots;
	unsigned char n, hits;
	unsigned hit[KEPT_HITS];
	char subject[KEPT_SUBJECT];
};

struct router {
	char *name, *folder; /* of the routes file */
	struct buf text;
	struct routes routes;
	struct route *route;
	size_t n;
	struct jqx **group; /* JQX_ENTRIES routes each */
	size_t groups;
	struct topic_index *dots, *words;
	/* What router_match found; `seen` holds for each route the match it was found in. */
	unsigned *hit;
	size_t hits;
	uint64_t *seen, match;
	struct kept kept[KEPT];
};

/* --- compiling --- */

/* A group's source is the routes file itself, so that line numbers stay right: lines of
 * other groups are blank, and the lines with `def` and with the first pattern of a block,
 * which are no jq, hold what goes around the blocks. */
static void
put_source(struct buf *b, const struct router *r, size_t first, size_t n)
{
	const struct routes *f = &r->routes;
	size_t block = 0, import = 0, route = 0;
	bool prelude = false, open = false, shown = false;

	for (unsigned line = 1; line <= f->lines; line++) {
		if (import < f->imports && f->import[import] == line) {
			buf_slice(b, f->line[line - 1]);
			import++;
		} else if (block < f->blocks && f->block[block].header == line) {
			const struct routes_block *k = &f->block[block++];
			bool is_route = !k->is_def && !k->broken;
			bool ours = is_route && route >= first && route < first + n;

			if (open)
				jqx_put_end(b);
			open = ours;
			shown = ours || k->is_def;
			if (!prelude)
				jqx_put_prelude(b);
			prelude = true;
			if (ours)
				jqx_put_entry(b, (unsigned)(route - first));
			route += is_route;
		} else if (shown && line >= f->block[block - 1].first && line <= f->block[block - 1].last &&
		    slice_blank(f->line[line - 1].n ? f->line[line - 1].p[0] : 'x')) {
			buf_slice(b, f->line[line - 1]);
		}
		buf_byte(b, '\n');
	}
	if (!prelude)
		jqx_put_prelude(b);
	if (open)
		jqx_put_end(b);
	jqx_put_choice(b, (unsigned)n);
}

struct report {
	struct router *r;
	struct mistakes *mistakes;
};

/* An error that libjq sees in a line that is not the user's (what we put around a block)
 * belongs to the end of the block above. */
static void
compile_error(void *ctx, struct slice file, unsigned line, unsigned column, struct slice why)
{
	struct report *report = ctx;
	const struct routes *f = &report->r->routes;

	if (!file.n && line) {
		for (size_t i = f->blocks; i-- > 0;) {
			const struct routes_block *k = &f->block[i];

			if (k->first > line)
				continue;
			if (line > k->last) {
				line = k->last;
				column = (unsigned)f->line[line - 1].n + 1;
			}
			break;
		}
	}
	mistakes_add(report->mistakes, file, line, column, why);
}

static struct jqx *
compile(struct router *r, size_t first, size_t n, const struct router_setup *setup,
    struct mistakes *mistakes)
{
	struct report report = { r, mistakes };
	struct buf source = { 0 };
	struct jqx *x;

	put_source(&source, r, first, n);
	x = jqx_compile(&(struct jqx_setup){ .source = buf_view(&source), .entries = (unsigned)n,
	    .args = setup->args, .library = setup->library, .origin = r->folder,
	    .report = compile_error, .ctx = &report });
	buf_free(&source);
	return x;
}

/* All groups. A group that fails is compiled again, each route alone, since libjq gives
 * up at the first error or two. */
static void
compile_all(struct router *r, const struct router_setup *setup, struct mistakes *mistakes)
{
	r->groups = (r->n + JQX_ENTRIES - 1) / JQX_ENTRIES;
	r->group = mem_zero(r->groups, sizeof(struct jqx *));
	for (size_t g = 0; g < r->groups; g++) {
		size_t first = g * JQX_ENTRIES;
		size_t n = r->n - first < JQX_ENTRIES ? r->n - first : JQX_ENTRIES;
		struct mistakes whole = { 0 };
		size_t before = mistakes->n;

		r->group[g] = compile(r, first, n, setup, &whole);
		for (size_t i = 0; !r->group[g] && i < n; i++)
			jqx_free(compile(r, first + i, 1, setup, mistakes));
		if (!r->group[g] && mistakes->n == before)
			for (size_t i = 0; i < whole.n; i++)
				mistakes_add(mistakes, slice_str(whole.v[i].file ? whole.v[i].file : ""),
				    whole.v[i].line, whole.v[i].column, slice_str(whole.v[i].why));
		mistakes_free(&whole);
	}
}

static void
parse_error(void *ctx, unsigned line, unsigned column, const char *why)
{
	mistakes_add(ctx, slice_of("", 0), line, column, slice_str(why));
}

/* The routes and the index of their patterns. Broken ones are left out, so that mistakes
 * in the others are seen too. */
static void
make_routes(struct router *r)
{
	const struct routes *f = &r->routes;

	r->route = mem_zero(f->blocks, sizeof(*r->route));
	r->hit = mem_zero(f->blocks, sizeof(*r->hit));
	r->seen = mem_zero(f->blocks, sizeof(*r->seen));
	r->dots = topic_index_new(TOPIC_DOTS);
	r->words = topic_index_new(0);
	for (size_t i = 0; i < f->blocks; i++) {
		const struct routes_block *k = &f->block[i];
		struct buf label = { 0 };

		if (k->is_def || k->broken)
			continue;
		for (size_t p = k->pattern; p < k->pattern + k->patterns; p++) {
			void *value = (void *)(uintptr_t)r->n;

			buf_str(&label, p > k->pattern ? " " : "");
			buf_slice(&label, f->pattern[p].text);
			topic_index_add(r->dots, f->pattern[p].dots, value);
			topic_index_add(r->words, f->pattern[p].words, value);
		}
		r->route[r->n].line = k->first;
		r->route[r->n].patterns = mem_str(buf_cstr(&label));
		r->n++;
		buf_free(&label);
	}
}

/* Without its definitions no route makes sense. */
static bool
broken_defs(const struct routes *f)
{
	for (size_t i = 0; i < f->blocks; i++)
		if (f->block[i].is_def && f->block[i].broken)
			return true;
	return false;
}

struct router *
router_new(const char *name, struct buf *text, const struct router_setup *setup)
{
	struct router *r = mem_zero(1, sizeof(*r));
	struct mistakes mistakes = { 0 };
	char *path;
	bool ok;

	r->name = mem_str(name);
	path = mem_str(name);
	r->folder = mem_str(dirname(path));
	free(path);
	r->text = *text;
	*text = (struct buf){ 0 };
	routes_parse(buf_view(&r->text), &r->routes, parse_error, &mistakes);
	make_routes(r);
	if (!r->n && !mistakes.n)
		mistakes_add(&mistakes, slice_of("", 0), 0, 0, S("no routes in it"));
	else if (r->n && !broken_defs(&r->routes))
		compile_all(r, setup, &mistakes);
	mistakes_show(&mistakes, name, &r->routes);
	ok = !mistakes.n;
	mistakes_free(&mistakes);
	if (ok)
		return r;
	router_free(r);
	return NULL;
}

void
router_free(struct router *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->groups; i++)
		jqx_free(r->group[i]);
	for (size_t i = 0; i < r->n; i++)
		free(r->route[i].patterns);
	if (r->dots)
		topic_index_free(r->dots);
	if (r->words)
		topic_index_free(r->words);
	free(r->group);
	free(r->route);
	free(r->hit);
	free(r->seen);
	routes_free(&r->routes);
	buf_free(&r->text);
	free(r->name);
	free(r->folder);
	free(r);
}

const char *
router_name(const struct router *r)
{
	return r->name;
}

size_t
router_count(const struct router *r)
{
	return r->n;
}

struct route *
router_route(struct router *r, size_t i)
{
	return &r->route[i];
}

/* --- matching and running --- */

static void
found(void *ctx, void *value)
{
	struct router *r = ctx;
	unsigned i = (unsigned)(uintptr_t)value;

	/* Several patterns of a route may fit. */
	if (r->seen[i] == r->match)
		return;
	r->seen[i] = r->match;
	r->hit[r->hits++] = i;
}

static int
ascending(const void *pa, const void *pb)
{
	unsigned a = *(const unsigned *)pa, b = *(const unsigned *)pb;

	return (a > b) - (a < b);
}

/* The place for a subject: by its length, its first and its last eight bytes. */
static struct kept *
place(struct router *r, struct slice subject)
{
	uint64_t first = 0, last = 0;
	size_t n = subject.n < 8 ? subject.n : 8;

	if (n) {
		memcpy(&first, subject.p, n);
		memcpy(&last, subject.p + subject.n - n, n);
	}
	first = (first + subject.n) * 0x9e3779b97f4a7c15u ^ last * 0xc2b2ae3d27d4eb4fu;
	return &r->kept[first >> 56];
}

static void
keep(struct router *r, struct kept *k, struct slice subject, bool dots)
{
	if (r->hits > KEPT_HITS)
		return;
	k->set = true;
	k->dots = dots;
	k->n = (unsigned char)subject.n;
	k->hits = (unsigned char)r->hits;
	if (subject.n)
		memcpy(k->subject, subject.p, subject.n);
	memcpy(k->hit, r->hit, r->hits * sizeof(*r->hit));
}

size_t
router_match(struct router *r, struct slice subject, bool dots, const unsigned **list)
{
	struct kept *k = subject.n <= KEPT_SUBJECT ? place(r, subject) : NULL;

	if (k && k->set && k->dots == dots && slice_eq(subject, slice_of(k->subject, k->n))) {
		*list = k->hit;
		return k->hits;
	}
	r->hits = 0;
	r->match++;
	topic_index_match(dots ? r->dots : r->words, subject, found, r);
	for (size_t i = 1; i < r->hits; i++) {
		if (r->hit[i] < r->hit[i - 1]) {
			qsort(r->hit, r->hits, sizeof(*r->hit), ascending);
			break;
		}
	}
	if (k)
		keep(r, k, subject, dots);
	*list = r->hit;
	return r->hits;
}

enum jqx_end
router_run(struct router *r, size_t i, jv input, bool (*emit)(void *ctx, jv v), void *ctx,
    struct buf *why)
{
	int64_t start = now_ns();
	enum jqx_end end = jqx_run(r->group[i / JQX_ENTRIES], i % JQX_ENTRIES, input, emit, ctx, why);

	r->route[i].ns += now_ns() - start;
	r->route[i].runs++;
	r->route[i].errors += end != JQX_DONE;
	return end;
}
