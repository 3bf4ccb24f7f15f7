#include "filter.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "msg.h"
#include "sig.h"

void
filter_init(struct filter *f, size_t max_line, int64_t drain_ms)
{
	*f = (struct filter){ .watch = -1 };
	line_init(&f->in, STDIN_FILENO, max_line);
	out_init(&f->out, STDOUT_FILENO);
	sig_init(drain_ms);
}

void
filter_finish(struct filter *f)
{
	metrics_file_finish(&f->metrics);
	if (out_flush(&f->out) && !sig_drained())
		out_die(&f->out, "standard output");
}

/* Wait until stdin can be read. False when something else wants to be looked at; *watched
 * when that is f->watch. */
static bool
wait_input(struct filter *f, bool *watched)
{
	bool skip_tty = io_background_tty(f->in.fd);
	int wait_ms = metrics_file_wait(&f->metrics);
	struct pollfd p[4] = {
		{ .fd = skip_tty ? -1 : f->in.fd, .events = POLLIN },
		{ .fd = f->out.fd },
		{ .fd = sig_fd(), .events = POLLIN },
		{ .fd = f->watch, .events = POLLIN },
	};

	/* A second look at the terminal each second: the tool may come to the foreground. */
	if (skip_tty && (wait_ms < 0 || wait_ms > 1000))
		wait_ms = 1000;
	if (poll(p, 4, wait_ms) < 0 && errno != EINTR)
		msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
	if (p[1].revents & (POLLERR | POLLHUP))
		out_sigpipe();
	if (p[2].revents)
		sig_clear();
	*watched = p[3].revents != 0;
	return p[0].revents != 0;
}

enum filter_event
filter_next(struct filter *f, struct slice *line)
{
	bool watched = false;

	for (;;) {
		if (sig_reload())
			return FILTER_RELOAD;
		if (watched)
			return FILTER_WATCH;
		if (sig_report())
			return FILTER_REPORT;
		if (sig_drained())
			return FILTER_END;
		switch (line_take(&f->in, line)) {
		case LINE_OK:
			return FILTER_LINE;
		case LINE_TOO_LONG:
			return FILTER_TOO_LONG;
		case LINE_EOF:
			return FILTER_END;
		case LINE_MORE:
			/* Nobody will end what is typed at a terminal. */
			if (sig_stopping() && isatty(f->in.fd))
				return FILTER_END;
			break;
		}
		if (f->before_flush)
			f->before_flush(f->ctx);
		metrics_file_tick(&f->metrics);
		if (out_flush(&f->out)) {
			if (sig_drained())
				return FILTER_END;
			out_die(&f->out, "standard output");
		}
		if (wait_input(f, &watched) && line_fill(&f->in) < 0 && errno != EINTR && errno != EAGAIN)
			msg_die(EXIT_HOST, "cannot read standard input: %s", strerror(errno));
	}
}
