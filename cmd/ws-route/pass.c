#include "pass.h"

#include "jqval.h"
#include "msg.h"
#include "rec.h"

enum { SMALL = 4096 }; /* bytes; whatever stands in so short a line takes 3 MB at most */

/* --- what is rejected --- */

static void
begin_letter(struct pass *p)
{
	struct buf *b = &p->dead.out.b;

	buf_byte(b, '{');
	rec_put_now(b);
	js_put_member(b, "error", buf_view(&p->why));
	js_put_member_int(b, "line", (int64_t)p->number);
}

static void
end_letter(struct pass *p)
{
	buf_byte(&p->dead.out.b, '}');
	side_line(&p->dead);
}

/* Count what p->why says. False when it is only to be noted. */
static bool
rejected(struct pass *p)
{
	p->rejected++;
	if (!p->reasons)
		return true;
	buf_slice(p->reasons, buf_view(&p->why));
	buf_byte(p->reasons, '\n');
	return false;
}

/* The line is no event. */
static void
reject_line(struct pass *p, struct slice line)
{
	if (!rejected(p))
		return;
	msg_error("line %llu: %s", (unsigned long long)p->number, buf_cstr(&p->why));
	if (!p->dead.path)
		return;
	begin_letter(p);
	if (line.n)
		rec_put_payload(&p->dead.out.b, line, REC_AUTO, false);
	end_letter(p);
}

/* A route could not deal with the event. */
static void
reject_event(struct pass *p)
{
	const struct route *r = p->route;
	struct buf where = { 0 };

	if (!rejected(p))
		return;
	buf_fmt(&where, "%s:%u", router_name(p->router), r->line);
	msg_error("%s: %s: line %llu: %s", buf_cstr(&where), r->patterns,
	    (unsigned long long)p->number, buf_cstr(&p->why));
	if (p->dead.path) {
		struct buf *b = &p->dead.out.b;

		begin_letter(p);
		js_put_member(b, "route", slice_str(r->patterns));
		js_put_member(b, "where", buf_view(&where));
		js_put_member_raw(b, "data", slice_trim(p->event.line));
		end_letter(p);
	}
	buf_free(&where);
}

/* --- output --- */

/* Put what belongs behind the last member of the object that ends b. */
static void
reopen_object(struct buf *b)
{
	b->n--;
	while (slice_blank(b->p[b->n - 1]))
		b->n--;
}

/* Put object `v` as a line: without a tag, for that goes on the last output of the event
 * and is only its own; with the event's time unless it has one. */
static bool
put_output(struct pass *p, jv v)
{
	struct buf *b = &p->out->b;
	struct slice source = jqval_source(v);
	bool has_time, ok;

	/* The event itself, as it came. */
	if (!p->event.tag.n && source.n && source.p == slice_trim(p->event.line).p) {
		js_put_flat(b, source);
		return true;
	}
	buf_byte(b, '{');
	ok = jqval_put_members(b, v, S("tag"), S("time"), &has_time);
	if (!has_time && p->event.time.n)
		js_put_member_raw(b, "time", p->event.time);
	buf_byte(b, '}');
	return ok;
}

/* Called for each output of a route. False with p->why set when it may not be one. */
static bool
emit(void *ctx, jv v)
{
	struct pass *p = ctx;
	struct buf *b = &p->out->b;
	size_t start = b->n;
	bool ok;

	if (jv_get_kind(v) != JV_KIND_OBJECT) {
		buf_fmt(&p->why, "output is not an object but %s", jv_kind_name(jv_get_kind(v)));
		jv_free(v);
		return false;
	}
	ok = put_output(p, v);
	jv_free(v);
	if (!ok) {
		buf_str(&p->why, "output is nested too deeply");
	} else if (b->n - start + p->event.tag.n + sizeof(",\"tag\":") > p->max_line) {
		buf_fmt(&p->why, "output of %zu bytes is longer than --max-line", b->n - start);
		ok = false;
	} else if (b->n - p->begin > p->max_output) {
		buf_fmt(&p->why, "output is larger than --max-output");
		ok = false;
	}
	if (ok) {
		buf_byte(b, '\n');
		p->outputs++;
	}
	return ok;
}

/* The tag goes on the last output, or on a line of its own. */
static void
put_tag(struct pass *p)
{
	struct buf *b = &p->out->b;

	if (!p->event.tag.n)
		return;
	if (b->n == p->begin) {
		buf_byte(b, '{');
	} else {
		b->n--; /* the line's end */
		reopen_object(b);
	}
	js_put_member_raw(b, "tag", p->event.tag);
	buf_str(b, "}\n");
}

/* --- an event --- */

static void
run(struct pass *p, unsigned i, jv input)
{
	struct route *r = router_route(p->router, i);
	size_t fresh = p->out->b.n;
	enum jqx_end end;

	p->route = r;
	p->outputs = 0;
	buf_clear(&p->why);
	end = router_run(p->router, i, jv_copy(input), emit, p, &p->why);
	if (end == JQX_DONE) {
		r->outputs += p->outputs;
		p->written += p->outputs;
	} else {
		if (end == JQX_TIMEOUT)
			buf_str(&p->why, "ran longer than --max-ms");
		p->out->b.n = fresh;
		reject_event(p);
	}
	p->route = NULL;
}

static void
run_all(struct pass *p, const unsigned *list, size_t n)
{
	struct slice line = p->event.line;
	jv input;

	buf_clear(&p->why);
	if (line.n > SMALL && jqval_cost(line) > p->max_event) {
		buf_str(&p->why, "too many values for --max-memory");
		reject_line(p, line);
		return;
	}
	input = jqx_read(line);
	if (!jv_is_valid(input)) {
		buf_str(&p->why, "takes longer than --max-ms to read");
		reject_line(p, line);
	}
	for (size_t i = 0; i < n && jv_is_valid(input); i++)
		run(p, list[i], input);
	jv_free(input);
}

static void
explain(const struct pass *p, const unsigned *list, size_t n)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct route *r = router_route(p->router, list[i]);

		buf_fmt(&b, "%s%u (%s)", i ? ", " : "", r->line, r->patterns);
	}
	struct slice subject = p->event.subject.n ? p->event.subject : S("no subject");

	msg_warn("line %llu: %.*s: %s%s", (unsigned long long)p->number, (int)subject.n, subject.p,
	    n ? "routes at " : "no route", buf_cstr(&b));
	buf_free(&b);
}

static void
unmatched(struct pass *p)
{
	p->unrouted++;
	if (!p->unmatched.path)
		return;
	buf_slice(&p->unmatched.out.b, p->event.line);
	side_line(&p->unmatched);
}

/* Stdout is written last: what is acknowledged by a tag there must be safe elsewhere. */
static void
flush_when_large(struct pass *p)
{
	if (p->out->b.n < OUT_HIGH || p->reasons)
		return;
	side_flush(&p->dead);
	side_flush(&p->unmatched);
	/* An error sticks; filter_next and filter_finish end the program for it. */
	out_flush(p->out);
}

void
pass_line(struct pass *p, struct slice line, uint64_t number)
{
	struct js_error e;
	const unsigned *list;
	size_t n;

	p->lines++;
	p->number = number;
	p->begin = p->out->b.n;
	if (event_read(&p->event, line, p->subject, &e)) {
		buf_clear(&p->why);
		buf_fmt(&p->why, "%s at byte %zu", e.why, e.at + 1);
		reject_line(p, line);
		return;
	}
	if (p->event.bare) {
		buf_slice(&p->out->b, line);
		buf_byte(&p->out->b, '\n');
		flush_when_large(p);
		return;
	}
	p->events++;
	n = router_match(p->router, p->event.subject, p->event.dots, &list);
	if (p->explain)
		explain(p, list, n);
	if (n)
		run_all(p, list, n);
	else
		unmatched(p);
	put_tag(p);
	flush_when_large(p);
}

void
pass_too_long(struct pass *p, uint64_t number, size_t max)
{
	p->lines++;
	p->number = number;
	buf_clear(&p->why);
	buf_fmt(&p->why, "longer than %zu bytes", max);
	reject_line(p, slice_of("", 0));
}
