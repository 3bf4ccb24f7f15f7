#include "http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool
http_is(struct slice s, const char *text)
{
	return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

bool
http_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !(s.p[i] && strchr("!#$%&'*+-.^_`|~", s.p[i])))
			return false;
	return s.n != 0;
}

bool
http_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* Cut a line off *text; false when it does not end in CRLF. */
static bool
cut_line(struct slice *text, struct slice *line)
{
	size_t n = slice_find(*text, '\n');

	if (n == text->n || n == 0 || text->p[n - 1] != '\r')
		return false;
	*line = slice_of(text->p, n - 1);
	*text = slice_from(*text, n + 1);
	return true;
}

static const char *
status_line(struct slice line, struct http_reply *r)
{
	if (!slice_starts(line, S("HTTP/1.1 ")) && !slice_starts(line, S("HTTP/1.0 ")))
		return "no HTTP/1.1 reply";
	line = slice_from(line, 9);
	for (int i = 0; i < 3; i++) {
		if (line.n < 3 || !isdigit((unsigned char)line.p[i]))
			return "a malformed status line";
		r->status = r->status * 10 + (unsigned)(line.p[i] - '0');
	}
	if (r->status < 100 || r->status > 599 || (line.n > 3 && line.p[3] != ' ') ||
	    !http_value(line))
		return "a malformed status line";
	r->reason = slice_trim(slice_from(line, 3));
	return NULL;
}

/* Where the head ends: behind the first empty line; 0 when it does not yet. */
static size_t
head_length(struct slice in)
{
	const char *end = in.n >= 4 ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;

	return end ? (size_t)(end - in.p) + 4 : 0;
}

enum http_parse
http_reply(struct slice in, struct http_reply *r, const char **why)
{
	struct slice rest, line;
	size_t n = in.n < 5 ? in.n : 5;

	*r = (struct http_reply){ 0 };
	*why = NULL;
	/* Another protocol altogether is told at once, not after a time-out. */
	if (memcmp(in.p ? in.p : "", "HTTP/", n) != 0) {
		*why = "no HTTP/1.1 reply";
		return HTTP_BAD;
	}
	r->length = head_length(in);
	if (!r->length) {
		if (in.n < HTTP_HEAD_MAX)
			return HTTP_MORE;
		*why = "a head of more than 64 KiB";
		return HTTP_BAD;
	}
	rest = slice_of(in.p, r->length - 2);
	if (!cut_line(&rest, &line)) {
		*why = "a malformed status line";
		return HTTP_BAD;
	}
	if ((*why = status_line(line, r)))
		return HTTP_BAD;
	r->fields = rest;
	while (rest.n) {
		if (!cut_line(&rest, &line) || !http_token(slice_of(line.p, slice_find(line, ':'))) ||
		    slice_find(line, ':') == line.n || !http_value(line)) {
			*why = "a malformed header line";
			return HTTP_BAD;
		}
	}
	return HTTP_WHOLE;
}

struct slice
http_field(struct slice fields, const char *name, unsigned *count)
{
	struct slice line, value = { 0 };
	unsigned n = 0;

	while (cut_line(&fields, &line)) {
		if (http_is(slice_cut(&line, ':'), name) && n++ == 0)
			value = slice_trim(line);
	}
	if (count)
		*count = n;
	return value;
}

bool
http_list_next(struct slice *list, char separator, struct slice *element)
{
	bool quoted = false;
	size_t i = 0;

	if (!list->n)
		return false;
	for (; i < list->n && (quoted || list->p[i] != separator); i++) {
		if (list->p[i] == '"')
			quoted = !quoted;
		else if (quoted && list->p[i] == '\\')
			i++;
	}
	if (i > list->n)
		i = list->n;
	*element = slice_trim(slice_of(list->p, i));
	*list = slice_from(*list, i + 1);
	return true;
}

bool
http_list_has(struct slice list, const char *element)
{
	struct slice e;

	while (http_list_next(&list, ',', &e))
		if (http_is(e, element))
			return true;
	return false;
}
