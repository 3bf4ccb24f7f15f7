#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "exit.h"
#include "io.h"
#include "js.h"
#include "msg.h"

enum { FIXTURE_SIZE = 64 << 20 };

struct fixture {
	const char *path;
	struct pass *pass;
	struct out out;
	struct buf reasons;
	unsigned line;       /* being read */
	/* Of the case at hand. */
	unsigned first;      /* its first '<' line; 0: none yet */
	struct slice title;  /* the last comment before it */
	struct buf in;       /* its '<' lines, without that */
	struct buf want;     /* "> …" lines, white space taken out */
	struct buf errors;   /* "! …" lines, which come behind */
	int passed, failed;
	bool colour;
};

/* Append valid JSON without the white space between its tokens. */
static void
put_squeezed(struct buf *b, struct slice json)
{
	bool string = false;

	for (size_t i = 0; i < json.n; i++) {
		char c = json.p[i];

		if (!string && slice_blank(c))
			continue;
		buf_byte(b, c);
		if (string && c == '\\')
			buf_byte(b, json.p[++i]);
		else if (c == '"')
			string = !string;
	}
}

static void
put_marked(struct buf *b, const char *mark, struct slice line, bool json)
{
	buf_str(b, mark);
	if (json)
		put_squeezed(b, line);
	else
		buf_slice(b, line);
	buf_byte(b, '\n');
}

/* Lines with a sign before each. */
static void
show(struct fixture *f, struct slice lines, char sign, const char *colour)
{
	while (lines.n) {
		struct slice l = slice_cut(&lines, '\n');

		printf("%s%c %.*s%s\n", f->colour ? colour : "", sign, (int)l.n, l.p,
		    f->colour ? "\033[0m" : "");
	}
}

/* What is the same at the beginning and at the end is shown once. */
static void
show_difference(struct fixture *f, struct slice want, struct slice got)
{
	struct slice w = want, g = got, head = { want.p, 0 }, tail;

	while (w.n && g.n && slice_eq(slice_cut(&w, '\n'), slice_cut(&g, '\n'))) {
		head.n = want.n - w.n;
	}
	want = slice_from(want, head.n);
	got = slice_from(got, head.n);
	tail = slice_of(want.p + want.n, 0);
	for (size_t i = 1; i <= want.n && i <= got.n; i++) {
		if (want.p[want.n - i] != got.p[got.n - i])
			break;
		if ((i == want.n || want.p[want.n - i - 1] == '\n') &&
		    (i == got.n || got.p[got.n - i - 1] == '\n'))
			tail = slice_of(want.p + want.n - i, i);
	}
	want.n -= tail.n;
	got.n -= tail.n;
	show(f, head, ' ', "");
	show(f, want, '-', "\033[31m");
	show(f, got, '+', "\033[32m");
	show(f, tail, ' ', "");
}

/* Run the case that has been read. */
static void
run_case(struct fixture *f)
{
	struct slice lines = buf_view(&f->in);
	struct buf got = { 0 };

	if (!f->first)
		return;
	f->pass->out = &f->out;
	f->pass->reasons = &f->reasons;
	for (unsigned n = f->first; lines.n; n++)
		pass_line(f->pass, slice_cut(&lines, '\n'), n);
	for (lines = buf_view(&f->out.b); lines.n;)
		put_marked(&got, "> ", slice_cut(&lines, '\n'), true);
	for (lines = buf_view(&f->reasons); lines.n;)
		put_marked(&got, "! ", slice_cut(&lines, '\n'), false);
	buf_slice(&f->want, buf_view(&f->errors));
	if (slice_eq(buf_view(&f->want), buf_view(&got))) {
		f->passed++;
	} else {
		f->failed++;
		printf("%s:%u:%s%.*s\n", f->path, f->first, f->title.n ? " " : "", (int)f->title.n,
		    f->title.p);
		show_difference(f, buf_view(&f->want), buf_view(&got));
	}
	buf_free(&got);
	buf_clear(&f->out.b);
	buf_clear(&f->reasons);
	buf_clear(&f->in);
	buf_clear(&f->want);
	buf_clear(&f->errors);
	f->title = slice_of("", 0);
	f->first = 0;
}

/* One line of the file. 0, or -1 when it is none of a fixture. */
static int
take(struct fixture *f, struct slice line)
{
	struct slice rest = slice_trim(slice_from(line, 1));
	struct js_error e;

	if (!slice_trim(line).n || line.p[0] == '#') {
		run_case(f);
		f->title = rest;
		return 0;
	}
	switch (line.p[0]) {
	case '<':
		if (f->want.n || f->errors.n)
			run_case(f);
		if (!f->first)
			f->first = f->line;
		buf_slice(&f->in, rest);
		buf_byte(&f->in, '\n');
		return 0;
	case '>':
	case '!':
		break;
	default:
		msg_error("%s:%u: a line begins with <, >, ! or #", f->path, f->line);
		return -1;
	}
	if (!f->first) {
		msg_error("%s:%u: no '<' line before this", f->path, f->line);
		return -1;
	}
	if (line.p[0] == '!') {
		put_marked(&f->errors, "! ", rest, false);
	} else if (js_valid(rest, &e)) {
		put_marked(&f->want, "> ", rest, true);
	} else {
		msg_error("%s:%u: %s", f->path, f->line, e.why);
		return -1;
	}
	return 0;
}

static int
run_file(struct fixture *f, const char *path)
{
	struct buf text = { 0 };
	struct slice rest;
	int status = 0;

	if (io_read_file(path, FIXTURE_SIZE, &text)) {
		msg_error("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	f->path = path;
	f->line = 0;
	f->title = slice_of("", 0);
	for (rest = buf_view(&text); rest.n && !status;) {
		f->line++;
		status = take(f, slice_cut(&rest, '\n'));
	}
	if (!status)
		run_case(f);
	buf_free(&text);
	return status;
}

static int
is_fixture(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && !strcmp(d->d_name + n - 5, ".test");
}

static int
run_folder(struct fixture *f, const char *path)
{
	struct dirent **list;
	int n = scandir(path, &list, is_fixture, alphasort), status = 0;

	if (n < 0) {
		msg_error("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	if (n == 0) {
		msg_error("%s: no files with .test at the end of their name", path);
		status = -1;
	}
	for (int i = 0; i < n; i++) {
		struct buf name = { 0 };

		buf_fmt(&name, "%s/%s", path, list[i]->d_name);
		if (!status)
			status = run_file(f, buf_cstr(&name));
		buf_free(&name);
		free(list[i]);
	}
	free(list);
	return status;
}

int
fixture_run(const char *path, struct pass *pass, bool colour)
{
	struct fixture f = { .pass = pass, .out.fd = -1, .colour = colour };
	struct stat st;
	int status;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		status = run_folder(&f, path);
	else
		status = run_file(&f, path);
	buf_free(&f.out.b);
	buf_free(&f.reasons);
	buf_free(&f.in);
	buf_free(&f.want);
	buf_free(&f.errors);
	if (status)
		return -1;
	printf("%d passed, %d failed\n", f.passed, f.failed);
	if (fflush(stdout) || ferror(stdout))
		msg_die(EXIT_HOST, "cannot write standard output: %s", strerror(errno));
	return f.failed;
}
