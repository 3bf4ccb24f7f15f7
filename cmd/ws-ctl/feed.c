#include "feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "js.h"
#include "mem.h"
#include "msg.h"
#include "num.h"
#include "sig.h"

/* Lines go out in chunks, each followed by a command that does nothing but whose answer
 * shows that the server has carried out what stands before it. Its id is the position in
 * the input behind the chunk. */
#define MARK "ws-ctl:"
enum { CHUNK = 64 << 10 };

/* A chunk that is not confirmed yet: how the server's numbers of lines relate to ours. */
struct chunk {
	uint64_t theirs; /* number of its first line on this connection */
	uint64_t ours;   /* ordinal of that line among those taken, from 0 */
	uint64_t lines;
	uint64_t end;    /* position behind it */
};

struct feed_link {
	uint64_t sent, confirmed;  /* positions in the input */
	uint64_t sent_lines;       /* lines before `sent` */
	uint64_t confirmed_lines;
	uint64_t rejected;         /* lines */
	uint64_t theirs;           /* lines written on this connection, marks included */
	struct chunk *chunk;
	size_t first, end, cap;    /* chunks in [first, end) */
};

struct feed {
	struct line_reader in;
	struct buf log;      /* lines that not every server has confirmed */
	size_t drop;         /* bytes at its front that are not needed any more */
	uint64_t start;      /* position of log.p[drop] */
	uint64_t lines;      /* taken so far */
	struct skip {
		uint64_t before, n;
	} *skip;             /* lines that were too long: n of them before that ordinal */
	size_t skips;
	bool eof;
};

static uint64_t
log_end(const struct feed *f)
{
	return f->start + f->log.n - f->drop;
}

/* The number of the line in the input, from its ordinal among those taken. */
static uint64_t
number_of(const struct feed *f, uint64_t ordinal)
{
	uint64_t number = ordinal + 1;

	for (size_t i = 0; i < f->skips && f->skip[i].before <= ordinal; i++)
		number += f->skip[i].n;
	return number;
}

/* --- to the servers --- */

/* The length of whole lines at `at`: about a chunk, one line at least. */
static size_t
chunk_length(const struct feed *f, size_t at, uint64_t *lines)
{
	const char *p = f->log.p + at, *end = f->log.p + f->log.n, *q = p;

	for (*lines = 0; q < end && q - p < CHUNK; ++*lines)
		q = (const char *)memchr(q, '\n', (size_t)(end - q)) + 1;
	return (size_t)(q - p);
}

static struct chunk *
new_chunk(struct feed_link *x)
{
	if (x->first == x->end)
		x->first = x->end = 0;
	if (x->end == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 16;
		x->chunk = mem_resize(x->chunk, x->cap, sizeof(*x->chunk));
	}
	return &x->chunk[x->end++];
}

static void
send_more(struct ctl *c, struct link *l)
{
	struct feed *f = c->ctx;
	struct feed_link *x = l->feed;
	char mark[80];
	uint64_t lines;
	size_t at, n;

	if (l->fd < 0 || link_pending(l) || x->sent == log_end(f))
		return;
	at = f->drop + (size_t)(x->sent - f->start);
	n = chunk_length(f, at, &lines);
	link_put(l, slice_of(f->log.p + at, n));
	x->sent += n;
	snprintf(mark, sizeof(mark), "{\"tag\":0,\"id\":\"" MARK "%" PRIu64 "\"}\n", x->sent);
	link_put(l, slice_str(mark));
	*new_chunk(x) = (struct chunk){ x->theirs + 1, x->sent_lines, lines, x->sent };
	x->sent_lines += lines;
	x->theirs += lines + 1;
}

static void
connected(struct ctl *c, struct link *l)
{
	struct feed_link *x = l->feed;

	if (!x) {
		struct feed *f = c->ctx;

		x = l->feed = mem_zero(1, sizeof(*x));
		x->confirmed = f->start;
	}
	x->sent = x->confirmed;
	x->sent_lines = x->confirmed_lines;
	x->theirs = 0;
	x->first = x->end = 0;
	send_more(c, l);
}

/* --- from the servers --- */

/* Forget what all have. */
static void
trim(struct ctl *c)
{
	struct feed *f = c->ctx;
	uint64_t least = log_end(f);

	for (int i = 0; i < c->n; i++)
		if (!c->links[i].given_up) {
			uint64_t at = c->links[i].feed ? c->links[i].feed->confirmed : f->start;

			if (at < least)
				least = at;
		}
	f->drop += (size_t)(least - f->start);
	f->start = least;
	/* Each byte is moved once at most for each that is dropped. */
	if (f->drop > f->log.n / 2) {
		buf_drop(&f->log, f->drop);
		f->drop = 0;
	}
}

static void
confirm(struct ctl *c, struct feed_link *x, uint64_t position)
{
	while (x->first < x->end && x->chunk[x->first].end <= position) {
		const struct chunk *k = &x->chunk[x->first++];

		x->confirmed = k->end;
		x->confirmed_lines = k->ours + k->lines;
	}
	trim(c);
}

/* An error that belongs to no id: which line was it? */
static void
rejected(struct ctl *c, struct link *l, struct slice answer, struct slice why)
{
	const struct feed *f = c->ctx;
	struct feed_link *x = l->feed;
	int64_t theirs = 0;

	x->rejected++;
	ctl_status(c, EXIT_PARTIAL);
	if (js_int(js_get(slice_trim(answer), S("line")), &theirs))
		for (size_t i = x->first; i < x->end; i++) {
			const struct chunk *k = &x->chunk[i];

			if ((uint64_t)theirs >= k->theirs && (uint64_t)theirs < k->theirs + k->lines) {
				msg_warn("%s: line %" PRIu64 ": %.*s", l->path,
				    number_of(f, k->ours + (uint64_t)theirs - k->theirs),
				    (int)why.n, why.p);
				return;
			}
		}
	msg_warn("%s: %.*s", l->path, (int)why.n, why.p);
}

static void
answered(struct ctl *c, struct link *l, struct slice line)
{
	struct buf scratch = { 0 };
	struct slice id = ctl_id(line, &scratch), why;

	/* Ids of the input's own commands are the input's: they are only passed on. */
	if (slice_starts(id, S(MARK))) {
		struct buf number = { 0 };
		int64_t position;

		buf_slice(&number, slice_from(id, sizeof(MARK) - 1));
		if (num_int(buf_cstr(&number), &position) == 0 && position >= 0)
			confirm(c, l->feed, (uint64_t)position);
		buf_free(&number);
	} else if (!js_get(slice_trim(line), S("id")).n && ctl_is_error(line, &why, &scratch)) {
		rejected(c, l, line, why);
	} else {
		ctl_write(c, line);
	}
	buf_free(&scratch);
}

/* --- stdin --- */

/* Nobody will end what is typed at a terminal. */
static bool
input_ended(const struct feed *f)
{
	return f->eof || (sig_stopping() && isatty(STDIN_FILENO));
}

static bool
wants_input(struct ctl *c)
{
	const struct feed *f = c->ctx;

	return !input_ended(f) && f->log.n - f->drop < (size_t)c->config->window;
}

static void
too_long(struct ctl *c, struct feed *f)
{
	msg_warn("stdin: line %" PRIu64 ": longer than %lld bytes", f->in.number,
	    (long long)c->config->max_line);
	ctl_status(c, EXIT_PARTIAL);
	if (!f->skips || f->skip[f->skips - 1].before != f->lines) {
		f->skip = mem_resize(f->skip, f->skips + 1, sizeof(*f->skip));
		f->skip[f->skips++] = (struct skip){ f->lines, 0 };
	}
	f->skip[f->skips - 1].n++;
}

static void
input(struct ctl *c)
{
	struct feed *f = c->ctx;
	struct slice line;

	if (line_fill(&f->in) < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return;
		msg_die(EXIT_HOST, "cannot read standard input: %s", strerror(errno));
	}
	for (;;) {
		enum line_status status = line_take(&f->in, &line);

		if (status == LINE_TOO_LONG) {
			too_long(c, f);
			continue;
		}
		if (status != LINE_OK) {
			f->eof = status == LINE_EOF;
			break;
		}
		buf_slice(&f->log, line);
		buf_byte(&f->log, '\n');
		f->lines++;
	}
	for (int i = 0; i < c->n; i++)
		if (c->links[i].feed)
			send_more(c, &c->links[i]);
}

static bool
finished(struct ctl *c)
{
	const struct feed *f = c->ctx;

	if (!input_ended(f))
		return false;
	for (int i = 0; i < c->n; i++)
		if (!c->links[i].given_up && (!c->links[i].feed ||
		    c->links[i].feed->confirmed != log_end(f)))
			return false;
	return true;
}

/* Ended before all was confirmed: by a signal, a time, or since a server was given up. */
static void
ending(struct ctl *c)
{
	const struct feed *f = c->ctx;

	for (int i = 0; i < c->n; i++) {
		struct link *l = &c->links[i];
		uint64_t lines = l->feed ? l->feed->confirmed_lines : 0;

		if (lines < f->lines) {
			msg_error("%s: %" PRIu64 " line%s not delivered", l->path, f->lines - lines,
			    f->lines - lines == 1 ? " was" : "s were");
			ctl_status(c, EXIT_PARTIAL);
		}
		if (l->feed)
			free(l->feed->chunk);
		free(l->feed);
	}
}

/* --- metrics --- */

enum sample { CONFIRMED, REJECTED, CONNECTS };

/* One sample for each socket. */
static void
put_samples(struct buf *b, const struct ctl *c, const char *name, const char *help,
    enum sample which)
{
	metrics_family(b, name, METRICS_COUNTER, help);
	for (int i = 0; i < c->n; i++) {
		const struct link *l = &c->links[i];
		struct buf label = { 0 };
		uint64_t v = which == CONNECTS ? l->connects : !l->feed ? 0
			: which == CONFIRMED ? l->feed->confirmed_lines : l->feed->rejected;

		metrics_label(&label, "socket", slice_str(l->path));
		metrics_sample(b, name, buf_cstr(&label), (double)v);
		buf_free(&label);
	}
}

static void
render(struct buf *b, void *ctx)
{
	const struct ctl *c = ctx;
	const struct feed *f = c->ctx;

	metrics_value(b, "ws_ctl_lines_total", METRICS_COUNTER, "Lines taken from stdin",
	    (double)f->lines);
	put_samples(b, c, "ws_ctl_confirmed_lines_total",
	    "Lines that the server has dealt with", CONFIRMED);
	put_samples(b, c, "ws_ctl_rejected_lines_total", "Lines that the server rejected", REJECTED);
	put_samples(b, c, "ws_ctl_connects_total", "Connections made to the server", CONNECTS);
	metrics_value(b, "ws_ctl_waiting_bytes", METRICS_GAUGE,
	    "Bytes of lines that not every server has confirmed", (double)(f->log.n - f->drop));
}

int
feed(const struct config *config, char **paths, int n)
{
	static const struct ctl_ops ops = { .connected = connected, .line = answered,
		.drained = send_more, .wants_input = wants_input, .input = input,
		.finished = finished, .ending = ending };
	struct feed f = { 0 };
	struct ctl c = { 0 };

	line_init(&f.in, STDIN_FILENO, (size_t)config->max_line);
	metrics_file_init(&c.metrics, config->metrics_file, NULL, render, &c);
	ctl_run(&c, config, paths, n, &ops, &f);
	line_free(&f.in);
	buf_free(&f.log);
	free(f.skip);
	return c.status;
}
