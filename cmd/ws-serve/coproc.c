#include "coproc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backoff.h"
#include "flood.h"
#include "line.h"
#include "mem.h"
#include "msg.h"
#include "out.h"
#include "proc.h"

enum { GRACE_MS = 5000, STEADY_MS = 10000, LINES_AT_ONCE = 256 };

struct coproc {
	struct ev_loop *loop;
	const char *what;
	char *command;
	const struct coproc_ops *ops;
	void *ctx;
	struct proc proc;
	struct line_reader in;
	struct buf out;
	size_t written;       /* of `out` */
	uint64_t lost;        /* lines that were put and will not be written */
	bool up, retired, paused, eof;
	unsigned starts;
	double started;
	struct backoff backoff;
	struct ev_io readable, writable;
	struct ev_child child;
	struct ev_timer later; /* the next start, or the end of patience */
	struct ev_idle rest;   /* lines that were read but not handed on yet */
	struct ev_prepare flush;
	bool child_watched;
};

static void start(struct coproc *p);

static void
release(struct coproc *p)
{
	free(p->command);
	free(p);
}

/* Nobody will read what was not written. */
static void
discard(struct coproc *p)
{
	const char *at = p->out.p + p->written, *end = p->out.p + p->out.n;

	if (p->written < p->out.n)
		while ((at = memchr(at, '\n', (size_t)(end - at)))) {
			p->lost++;
			at++;
		}
	buf_clear(&p->out);
	p->written = 0;
}

/* Tell that it has ended. */
static void
tell_down(struct coproc *p)
{
	uint64_t lost = p->lost;

	p->lost = 0;
	p->ops->down(p->ctx, lost);
}

static void
stop_watching(struct coproc *p)
{
	ev_io_stop(p->loop, &p->readable);
	ev_io_stop(p->loop, &p->writable);
	ev_idle_stop(p->loop, &p->rest);
	ev_prepare_stop(p->loop, &p->flush);
	proc_close(&p->proc);
	line_free(&p->in);
	discard(p);
	buf_free(&p->out);
}

static void
on_later(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct coproc *p = w->data;

	(void)loop;
	(void)revents;
	if (p->child_watched) {
		kill(-p->proc.pid, SIGKILL);
	} else if (p->retired) {
		tell_down(p);
		release(p);
	} else {
		start(p);
	}
}

static void
again_later(struct coproc *p)
{
	uint32_t random = 0;
	int64_t ms;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	if (p->started && ev_now(p->loop) - p->started > STEADY_MS / 1000.)
		backoff_reset(&p->backoff);
	ms = backoff_next(&p->backoff, random);
	ev_timer_stop(p->loop, &p->later);
	ev_timer_set(&p->later, (double)ms / 1000, 0.);
	ev_timer_start(p->loop, &p->later);
}

/* It has closed its stdout or is dead: nothing more comes from it. */
static void
down(struct coproc *p)
{
	if (!p->up)
		return;
	p->up = false;
	stop_watching(p);
	if (p->child_watched && !p->retired) {
		/* It closed its stdout and lives on: of no use. */
		kill(-p->proc.pid, SIGTERM);
		ev_timer_stop(p->loop, &p->later);
		ev_timer_set(&p->later, GRACE_MS / 1000., 0.);
		ev_timer_start(p->loop, &p->later);
	}
	if (!p->retired)
		tell_down(p);
}

static void
hand_on(struct coproc *p)
{
	for (int i = 0; i < LINES_AT_ONCE && p->up && !p->paused; i++) {
		static struct flood long_line;
		struct slice line;

		switch (line_take(&p->in, &line)) {
		case LINE_OK:
			p->ops->line(p->ctx, line);
			break;
		case LINE_TOO_LONG:
			flood_warn(&long_line, "%s: line %llu is longer than %zu bytes", p->what,
			    (unsigned long long)p->in.number, p->in.max);
			break;
		case LINE_MORE:
			ev_idle_stop(p->loop, &p->rest);
			return;
		case LINE_EOF:
			ev_idle_stop(p->loop, &p->rest);
			if (!p->ops->mute)
				down(p);
			return;
		}
	}
	if (p->up && !p->paused)
		ev_idle_start(p->loop, &p->rest);
}

/* Hand on the lines that are here. */
static void
take_lines(struct coproc *p)
{
	hand_on(p);
	if (p->ops->rest)
		p->ops->rest(p->ctx);
}

static void
on_rest(struct ev_loop *loop, struct ev_idle *w, int revents)
{
	(void)loop;
	(void)revents;
	take_lines(w->data);
}

static void
on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct coproc *p = w->data;
	ssize_t n;

	(void)revents;
	if (ev_is_active(&p->rest))
		return;
	n = line_fill(&p->in);
	if (n == 0) {
		p->eof = true;
		ev_io_stop(loop, w);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		down(p);
	else
		take_lines(p);
}

static void
flush(struct coproc *p)
{
	while (p->up && p->proc.in >= 0 && p->written < p->out.n) {
		ssize_t n = write(p->proc.in, p->out.p + p->written, p->out.n - p->written);

		if (n > 0) {
			p->written += (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			if (p->written > COPROC_PENDING / 16) {
				buf_drop(&p->out, p->written);
				p->written = 0;
			}
			ev_io_start(p->loop, &p->writable);
			return;
		} else {
			/* Its end is told by its stdout and by its process. */
			break;
		}
	}
	discard(p);
	ev_io_stop(p->loop, &p->writable);
	if (p->retired && p->proc.in >= 0) {
		close(p->proc.in);
		p->proc.in = -1;
	}
}

static void
on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	flush(w->data);
}

static void
on_flush(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct coproc *p = w->data;

	(void)loop;
	(void)revents;
	if (p->out.n && !ev_is_active(&p->writable))
		flush(p);
}

static void
on_child(struct ev_loop *loop, struct ev_child *w, int revents)
{
	struct coproc *p = w->data;
	static struct flood ended;

	(void)revents;
	ev_child_stop(loop, w);
	ev_timer_stop(loop, &p->later);
	p->child_watched = false;
	/* What it wrote before its end still counts. */
	while (p->up && !p->paused && !p->eof) {
		ssize_t n = line_fill(&p->in);

		if (n == 0)
			p->eof = true;
		else if (n < 0 && errno != EINTR)
			break;
	}
	for (struct slice line; p->up && !p->paused && line_take(&p->in, &line) == LINE_OK;)
		p->ops->line(p->ctx, line);
	if (p->ops->rest)
		p->ops->rest(p->ctx);
	if (!p->retired) {
		if (WIFSIGNALED(w->rstatus))
			flood_warn(&ended, "%s was ended by signal %d; starting it again", p->what,
			    WTERMSIG(w->rstatus));
		else
			flood_warn(&ended, "%s ended with status %d; starting it again", p->what,
			    WEXITSTATUS(w->rstatus));
	}
	/* Its children may live on without it. */
	kill(-p->proc.pid, SIGTERM);
	if (p->retired) {
		down(p);
		tell_down(p);
		release(p);
		return;
	}
	down(p);
	if (!p->retired)
		again_later(p);
}

static void
start(struct coproc *p)
{
	static struct flood failed;

	p->started = ev_now(p->loop);
	if (proc_start(&p->proc, p->command)) {
		flood_warn(&failed, "cannot start the %s: %s", p->what, strerror(errno));
		again_later(p);
		return;
	}
	p->starts++;
	p->up = true;
	p->eof = false;
	line_init(&p->in, p->proc.out, p->ops->max_line ? p->ops->max_line : COPROC_LINE);
	ev_io_set(&p->readable, p->proc.out, EV_READ);
	ev_io_set(&p->writable, p->proc.in, EV_WRITE);
	ev_child_set(&p->child, p->proc.pid, 0);
	if (!p->paused)
		ev_io_start(p->loop, &p->readable);
	ev_child_start(p->loop, &p->child);
	ev_prepare_start(p->loop, &p->flush);
	p->child_watched = true;
}

struct coproc *
coproc_new(struct ev_loop *loop, const char *what, const char *command,
    const struct coproc_ops *ops, void *ctx)
{
	struct coproc *p = mem_zero(1, sizeof(*p));

	p->loop = loop;
	p->what = what;
	p->command = mem_str(command);
	p->ops = ops;
	p->ctx = ctx;
	p->backoff = (struct backoff){ .min_ms = 100, .max_ms = 10000, .jitter = 20 };
	p->proc = (struct proc){ .pid = -1, .in = -1, .out = -1 };
	ev_init(&p->readable, on_readable);
	ev_init(&p->writable, on_writable);
	ev_init(&p->child, on_child);
	ev_init(&p->later, on_later);
	ev_init(&p->rest, on_rest);
	/* Each turn, and not only when nothing else happens. */
	ev_set_priority(&p->rest, EV_MAXPRI);
	ev_init(&p->flush, on_flush);
	p->readable.data = p->writable.data = p->child.data = p->later.data = p->rest.data =
	    p->flush.data = p;
	start(p);
	return p;
}

bool
coproc_up(const struct coproc *p)
{
	return p->up;
}

bool
coproc_put(struct coproc *p, struct slice line)
{
	if (!p->up || p->retired || p->out.n - p->written + line.n > COPROC_PENDING)
		return false;
	buf_slice(&p->out, line);
	buf_byte(&p->out, '\n');
	return true;
}

size_t
coproc_pending(const struct coproc *p)
{
	return p->out.n - p->written;
}

void
coproc_pause(struct coproc *p, bool on)
{
	if (p->paused == on)
		return;
	p->paused = on;
	if (!p->up)
		return;
	if (on) {
		ev_io_stop(p->loop, &p->readable);
		ev_idle_stop(p->loop, &p->rest);
	} else {
		if (!p->eof)
			ev_io_start(p->loop, &p->readable);
		ev_idle_start(p->loop, &p->rest);
	}
}

unsigned
coproc_restarts(const struct coproc *p)
{
	return p->starts ? p->starts - 1 : 0;
}

void
coproc_retire(struct coproc *p)
{
	p->retired = true;
	ev_timer_stop(p->loop, &p->later);
	/* Between two starts there is nobody to wait for; but not now, for this may be a
	 * call out of its own `down`. */
	if (p->child_watched)
		flush(p);
	ev_timer_set(&p->later, p->child_watched ? GRACE_MS / 1000. : 0., 0.);
	ev_timer_start(p->loop, &p->later);
}

void
coproc_free(struct coproc *p)
{
	if (!p)
		return;
	stop_watching(p);
	ev_timer_stop(p->loop, &p->later);
	ev_child_stop(p->loop, &p->child);
	if (p->child_watched)
		kill(-p->proc.pid, SIGTERM);
	release(p);
}
