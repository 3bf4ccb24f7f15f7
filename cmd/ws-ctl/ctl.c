#include "ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "js.h"
#include "mem.h"
#include "msg.h"
#include "now.h"
#include "sig.h"

enum {
	RETRY_MIN_MS = 50,
	RETRY_MAX_MS = 1000,
	ANSWER_MAX = 64 << 20, /* longest line that a server writes, bytes */
	TTY_LOOK_MS = 1000,    /* between looks whether we came to the foreground */
};

void
link_put(struct link *l, struct slice bytes)
{
	buf_slice(&l->out, bytes);
}

void
ctl_write(struct ctl *c, struct slice line)
{
	buf_slice(&c->out.b, line);
	c->written++;
	if (out_line(&c->out) && !sig_drained())
		out_die(&c->out, "standard output");
}

void
ctl_status(struct ctl *c, int status)
{
	if (c->status == EXIT_DONE || c->status == EXIT_PARTIAL)
		c->status = status;
}

struct slice
ctl_id(struct slice line, struct buf *scratch)
{
	struct slice id = js_get(slice_trim(line), S("id")), text = js_text(id, scratch);

	return text.p ? text : slice_of("", 0);
}

bool
ctl_is_error(struct slice line, struct slice *why, struct buf *scratch)
{
	line = slice_trim(line);
	if (!slice_eq(js_text(js_get(line, S("event")), scratch), S("error")))
		return false;
	*why = js_text(js_get(line, S("error")), scratch);
	return true;
}

/* --- a link --- */

static int64_t
jitter(struct link *l)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return backoff_next(&l->backoff, random);
}

static void
close_link(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	line_free(&l->in);
	buf_clear(&l->out);
	l->written = 0;
}

/* It is away; is that for good? */
static void
away(struct ctl *c, struct link *l, const char *what, const char *why)
{
	int64_t now = now_ms(), wait = c->config->wait_ms;

	close_link(l);
	if (wait >= 0 && now - l->away_ms >= wait) {
		l->given_up = true;
		msg_error("%s %s: %s", what, l->path, why);
		ctl_status(c, EXIT_NETWORK);
		return;
	}
	/* Once each time it goes, not at each attempt. */
	if (!l->told)
		msg_warn("%s %s: %s; waiting for it", what, l->path, why);
	l->told = true;
	l->retry_ms = now + jitter(l);
	/* The last attempt is made when the time is over, not before. */
	if (wait >= 0 && l->retry_ms > l->away_ms + wait)
		l->retry_ms = l->away_ms + wait;
}

static void
lost(struct ctl *c, struct link *l, const char *why)
{
	l->away_ms = now_ms();
	backoff_reset(&l->backoff);
	away(c, l, "lost", why);
}

static void
try_connect(struct ctl *c, struct link *l, const struct ctl_ops *ops)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(l->path) >= sizeof(a.sun_path)) {
		l->given_up = true;
		msg_error("cannot connect to %s: the path is too long for a socket", l->path);
		ctl_status(c, EXIT_USAGE);
		return;
	}
	memcpy(a.sun_path, l->path, strlen(l->path));
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		msg_die(EXIT_HOST, "cannot make a socket: %s", strerror(errno));
	/* A Unix socket connects at once or, with a full backlog, says EAGAIN. */
	if (connect(l->fd, (struct sockaddr *)&a, sizeof(a))) {
		away(c, l, "cannot connect to", strerror(errno));
		return;
	}
	line_init(&l->in, l->fd, ANSWER_MAX);
	l->connects++;
	if (l->told)
		msg_warn("connected to %s", l->path);
	l->told = false;
	ops->connected(c, l);
}

static void
push(struct ctl *c, struct link *l, const struct ctl_ops *ops)
{
	while (l->fd >= 0 && link_pending(l)) {
		ssize_t n = send(l->fd, l->out.p + l->written, link_pending(l), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			lost(c, l, strerror(errno));
			return;
		}
		l->written += (size_t)n;
		if (!link_pending(l)) {
			l->written = l->out.n = 0;
			if (ops->drained)
				ops->drained(c, l);
		}
	}
}

static void
receive(struct ctl *c, struct link *l, const struct ctl_ops *ops)
{
	ssize_t n = line_fill(&l->in);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	while (l->fd >= 0) {
		struct slice line;
		enum line_status status = line_take(&l->in, &line);

		if (status == LINE_TOO_LONG) {
			lost(c, l, "it wrote a line that is too long");
			return;
		}
		if (status != LINE_OK)
			break;
		/* What was cut off by its end is no line. */
		if (js_valid(line, NULL))
			ops->line(c, l, line);
	}
	if (n <= 0 && l->fd >= 0 && !l->done)
		lost(c, l, n < 0 ? strerror(errno) : "closed by the server");
	else if (n <= 0)
		close_link(l);
}

/* --- the loop --- */

static bool
all_given_up(const struct ctl *c)
{
	for (int i = 0; i < c->n; i++)
		if (!c->links[i].given_up)
			return false;
	return true;
}

/* What to wait for, and how long. Entries: the links, stdin, stdout, signals. */
static int
prepare(struct ctl *c, struct pollfd *p, const struct ctl_ops *ops, int64_t end_ms)
{
	bool input = ops->wants_input && ops->wants_input(c);
	int64_t now = now_ms(), until = end_ms;

	for (int i = 0; i < c->n; i++) {
		struct link *l = &c->links[i];

		p[i] = (struct pollfd){ .fd = l->fd, .events = POLLIN };
		if (link_pending(l))
			p[i].events |= POLLOUT;
		if (l->fd < 0 && !l->given_up && !l->done && (until < 0 || l->retry_ms < until))
			until = l->retry_ms;
	}
	if (input && io_background_tty(STDIN_FILENO)) {
		input = false;
		if (until < 0 || now + TTY_LOOK_MS < until)
			until = now + TTY_LOOK_MS;
	}
	if (metrics_file_wait(&c->metrics) >= 0 &&
	    (until < 0 || now + metrics_file_wait(&c->metrics) < until))
		until = now + metrics_file_wait(&c->metrics);
	p[c->n] = (struct pollfd){ .fd = input ? STDIN_FILENO : -1, .events = POLLIN };
	p[c->n + 1] = (struct pollfd){ .fd = STDOUT_FILENO };
	p[c->n + 2] = (struct pollfd){ .fd = sig_fd(), .events = POLLIN };
	return until < 0 ? -1 : until > now ? (int)(until - now > 60000 ? 60000 : until - now) : 0;
}

static void
serve(struct ctl *c, const struct ctl_ops *ops, struct pollfd *p, int64_t end_ms)
{
	for (int i = 0; i < c->n; i++) {
		struct link *l = &c->links[i];

		if (l->fd < 0 && !l->given_up && !l->done && now_ms() >= l->retry_ms)
			try_connect(c, l, ops);
		push(c, l, ops);
	}
	if (ops->finished(c) || all_given_up(c))
		return;
	if (out_flush(&c->out)) {
		if (sig_drained())
			return;
		out_die(&c->out, "standard output");
	}
	if (poll(p, (nfds_t)c->n + 3, prepare(c, p, ops, end_ms)) < 0) {
		if (errno != EINTR)
			msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
		return;
	}
	if (p[c->n + 1].revents & (POLLERR | POLLHUP))
		out_sigpipe();
	if (p[c->n + 2].revents)
		sig_clear();
	for (int i = 0; i < c->n; i++)
		if (p[i].revents & (POLLIN | POLLHUP | POLLERR))
			receive(c, &c->links[i], ops);
	if (p[c->n].revents)
		ops->input(c);
}

int
ctl_run(struct ctl *c, const struct config *config, char **paths, int n,
    const struct ctl_ops *ops, void *ctx)
{
	struct pollfd *p = mem_zero((size_t)n + 3, sizeof(*p));
	int64_t start = now_ms(), end = config->timeout_ms ? start + config->timeout_ms : -1;
	bool reads = ops->wants_input;

	c->config = config;
	c->ctx = ctx;
	c->n = n;
	c->links = mem_zero((size_t)n, sizeof(*c->links));
	for (int i = 0; i < n; i++) {
		c->links[i] = (struct link){ .path = paths[i], .fd = -1, .away_ms = start,
			.backoff = { .min_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS, .jitter = 20 } };
	}
	out_init(&c->out, STDOUT_FILENO);
	sig_init(config->drain_ms);
	while (!ops->finished(c) && !all_given_up(c)) {
		/* What does not read stdin has nothing to finish. */
		if (reads ? sig_drained() : sig_stopping())
			break;
		if (end >= 0 && now_ms() >= end) {
			ctl_status(c, EXIT_TIMEOUT);
			break;
		}
		serve(c, ops, p, end);
		metrics_file_tick(&c->metrics);
	}
	if (out_flush(&c->out) && !sig_drained())
		out_die(&c->out, "standard output");
	metrics_file_finish(&c->metrics);
	ops->ending(c);
	for (int i = 0; i < n; i++) {
		close_link(&c->links[i]);
		buf_free(&c->links[i].out);
	}
	free(c->links);
	free(p);
	out_free(&c->out);
	return c->status;
}
