#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "js.h"
#include "rec.h"

int
source_open(struct source *s, const char *path, size_t max_line)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	*s = (struct source){ .name = is_stdin ? "standard input" : path };
	if (fd < 0 || fstat(fd, &st))
		return -1;
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		errno = EISDIR;
		return -1;
	}
	s->regular = S_ISREG(st.st_mode);
	if (s->regular)
		s->begin = lseek(fd, 0, SEEK_CUR);
	line_init(&s->in, fd, max_line);
	return 0;
}

int
source_rewind(struct source *s)
{
	struct line_reader in = s->in;

	if (!s->regular) {
		errno = ESPIPE;
		return -1;
	}
	if (lseek(in.fd, s->begin, SEEK_SET) < 0)
		return -1;
	line_init(&s->in, in.fd, in.max);
	/* Keep the memory. */
	s->in.p = in.p;
	s->in.cap = in.cap;
	s->latest = 0;
	s->timed = false;
	return 0;
}

void
source_close(struct source *s)
{
	if (s->in.fd > STDIN_FILENO)
		close(s->in.fd);
	line_free(&s->in);
	s->in.fd = -1;
}

int
source_fill(struct source *s)
{
	return line_fill(&s->in) < 0 ? -1 : 0;
}

/* Find the line's time and put it on the clock. */
static void
set_clock(struct source *s, struct slice object, int64_t disorder)
{
	struct slice val = js_get(object, S("time"));
	struct timespec t;

	s->back = 0;
	s->stamp = (struct slice){ 0 };
	/* A time with escapes in it is none: nothing writes one like that. */
	if (js_type(val) != JS_STRING || rec_time(slice_of(val.p + 1, val.n - 2), &t))
		return;
	s->stamp = slice_of(val.p + 1, val.n - 2);
	s->time = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
	if (!s->timed) {
		s->timed = true;
		s->latest = s->due = s->time;
		return;
	}
	if (s->time >= s->latest) {
		s->due += s->time - s->latest;
		if (s->due > SOURCE_FAR)
			s->due = SOURCE_FAR;
		s->latest = s->time;
	} else {
		s->back = s->latest - s->time;
		if (s->back > disorder)
			s->latest = s->time;
	}
}

enum source_status
source_next(struct source *s, int64_t disorder)
{
	struct slice object;
	struct js_error e;

	switch (line_take(&s->in, &s->line)) {
	case LINE_OK:
		break;
	case LINE_TOO_LONG:
		s->why = "line too long";
		return SOURCE_BAD;
	case LINE_MORE:
		return SOURCE_WAIT;
	case LINE_EOF:
		return SOURCE_END;
	}
	if (!js_valid(s->line, &e)) {
		s->why = e.why;
		return SOURCE_BAD;
	}
	object = slice_trim(s->line);
	if (js_type(object) != JS_OBJECT) {
		s->why = "not a JSON object";
		return SOURCE_BAD;
	}
	set_clock(s, object, disorder);
	return SOURCE_LINE;
}
