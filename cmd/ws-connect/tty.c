#include "tty.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "buf.h"
#include "exit.h"
#include "io.h"
#include "mem.h"
#include "msg.h"
#include "utf8.h"

enum { HISTORY = 1000, PROMPT_WIDTH = 2 };

struct tty {
	EditLine *el;
	History *history;
	struct buf line; /* typed in full, not taken yet */
	bool has_line, ended, colour;
	bool hidden;     /* the line being edited is put aside */
};

static struct tty *the_tty; /* for handlers, which have no other way to it */
static volatile sig_atomic_t resized, suspended, continued;

bool
tty_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	    strcmp(term, "dumb") != 0 && !io_background_tty(STDIN_FILENO);
}

/* --- the line being edited --- */

static char *
prompt(EditLine *el)
{
	static char text[] = "> ";

	(void)el;
	return text;
}

static unsigned
columns(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

/* Cells that a text takes on the terminal, roughly: what is no character takes one. */
static unsigned
width(const char *p, size_t n)
{
	mbstate_t state = { 0 };
	unsigned cells = 0;

	while (n) {
		wchar_t c;
		size_t k = mbrtowc(&c, p, n, &state);
		int w = 1;

		if (k == (size_t)-1 || k == (size_t)-2 || k == 0) {
			state = (mbstate_t){ 0 };
			k = 1;
		} else {
			w = wcwidth(c);
		}
		cells += w > 0 ? (unsigned)w : 0;
		p += k;
		n -= k;
	}
	return cells;
}

/* Take the line being edited off the screen: up to its first row, and clear from there. */
static void
hide(void)
{
	struct tty *t = the_tty;
	const LineInfo *l;
	unsigned rows;

	if (!t || t->hidden)
		return;
	l = el_line(t->el);
	rows = (PROMPT_WIDTH + width(l->buffer, (size_t)(l->cursor - l->buffer))) / columns();
	if (rows)
		printf("\033[%uA", rows);
	fputs("\r\033[J", stdout);
	fflush(stdout);
	t->hidden = true;
}

static void
restore(void)
{
	struct tty *t = the_tty;

	if (!t || !t->hidden || t->ended)
		return;
	t->hidden = false;
	el_set(t->el, EL_REFRESH);
}

/* --- taking and giving back --- */

static void
on_signal(int signo)
{
	if (signo == SIGWINCH)
		resized = 1;
	else if (signo == SIGTSTP)
		suspended = 1;
	else
		continued = 1;
}

static void
give_back(void)
{
	if (!the_tty)
		return;
	hide();
	el_set(the_tty->el, EL_UNBUFFERED, 0);
	el_end(the_tty->el);
	the_tty = NULL;
	msg_hook(NULL, NULL);
}

struct tty *
tty_new(void)
{
	static bool registered;
	struct tty *t = mem_zero(1, sizeof(*t));
	struct sigaction sa = { .sa_handler = on_signal };
	HistEvent e;

	setlocale(LC_CTYPE, "");
	t->el = el_init(msg_program(), stdin, stdout, stderr);
	t->history = history_init();
	if (!t->el || !t->history)
		msg_die(EXIT_HOST, "cannot set up the terminal");
	t->colour = !getenv("NO_COLOR");
	history(t->history, &e, H_SETSIZE, HISTORY);
	history(t->history, &e, H_SETUNIQUE, 1);
	el_set(t->el, EL_HIST, history, t->history);
	el_set(t->el, EL_PROMPT, prompt);
	el_set(t->el, EL_EDITOR, "emacs");
	el_set(t->el, EL_SIGNAL, 0);
	el_set(t->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_source(t->el, NULL);
	the_tty = t;
	sigaction(SIGWINCH, &sa, NULL);
	sigaction(SIGTSTP, &sa, NULL);
	sigaction(SIGCONT, &sa, NULL);
	if (!registered)
		atexit(give_back);
	registered = true;
	msg_hook(hide, restore);
	el_set(t->el, EL_UNBUFFERED, 1);
	return t;
}

void
tty_free(struct tty *t)
{
	if (!t)
		return;
	give_back();
	history_end(t->history);
	buf_free(&t->line);
	free(t);
}

void
tty_signals(struct tty *t)
{
	if (resized) {
		resized = 0;
		el_resize(t->el);
	}
	if (suspended) {
		suspended = 0;
		hide();
		el_set(t->el, EL_UNBUFFERED, 0);
		raise(SIGSTOP);
		continued = 1;
	}
	if (continued) {
		continued = 0;
		el_set(t->el, EL_UNBUFFERED, 1);
		t->hidden = true;
		restore();
	}
}

/* --- lines in --- */

void
tty_read(struct tty *t)
{
	const char *p;
	int n = 0;

	if (t->has_line)
		return;
	errno = 0;
	p = el_gets(t->el, &n);
	/* Unbuffered, libedit gives -1 for an empty line, and as the end of input what stands
	 * for it. */
	if (!p || n <= 0 || (n == 1 && p[0] == ('D' & 0x1f))) {
		t->ended |= p || n == 0 || errno == EIO;
		return;
	}
	if (p[n - 1] != '\n' && p[n - 1] != '\r')
		return;
	buf_clear(&t->line);
	buf_add(&t->line, p, (size_t)n - 1);
	t->has_line = true;
	el_set(t->el, EL_UNBUFFERED, 0);
}

/* --- lines out --- */

/* What could move the cursor, or do worse, is shown escaped. */
static void
put_safe(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;

	while (p < end) {
		unsigned n = utf8_length(p, end);
		bool c1 = n == 2 && p[0] == 0xc2 && p[1] < 0xa0;

		if (!n || c1 || *p < ' ' || *p == 0x7f) {
			printf("\\x%02x", c1 ? p[1] : p[0]);
			p += n ? n : 1;
		} else {
			fwrite(p, 1, n, stdout);
			p += n;
		}
	}
}

static void
put_line(struct tty *t, char sign, struct slice text)
{
	const char *colour = sign == '<' ? "\033[32m" : sign == '>' ? "\033[36m" : "\033[33m";
	time_t now = time(NULL);
	struct tm tm;
	char clock[16];

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (t->colour)
		printf("\033[2m%s\033[0m %s%c\033[0m ", clock, colour, sign);
	else
		printf("%s %c ", clock, sign);
	put_safe(text);
	putchar('\n');
}

void
tty_show(struct tty *t, char sign, struct slice text)
{
	hide();
	put_line(t, sign, text);
	fflush(stdout);
	restore();
}

bool
tty_take(struct tty *t, struct slice *line)
{
	HistEvent e;
	unsigned rows;

	if (!t->has_line)
		return false;
	t->has_line = false;
	/* Libedit has left the cursor below the line: write it again with its time. */
	rows = (PROMPT_WIDTH + width(t->line.p, t->line.n)) / columns() + 1;
	printf("\033[%uA\r\033[J", rows);
	if (t->line.n) {
		put_line(t, '>', buf_view(&t->line));
		history(t->history, &e, H_ENTER, buf_cstr(&t->line));
	}
	fflush(stdout);
	el_set(t->el, EL_UNBUFFERED, 1);
	*line = buf_view(&t->line);
	return true;
}

bool
tty_ended(const struct tty *t)
{
	return t->ended;
}
