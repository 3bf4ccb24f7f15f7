#include "request.h"

/* Signs of a token besides letters and digits (RFC 9110 5.6.2). */
static bool
is_token_byte(unsigned char c)
{
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return true;
	if (c >= '0' && c <= '9')
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool
request_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_token_byte((unsigned char)s.p[i]))
			return false;
	}
	return s.n > 0;
}

static unsigned char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

bool
request_same(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	}
	return true;
}

static bool
begins(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && request_same(slice_of(s.p, prefix.n), prefix);
}

size_t
request_end(struct slice bytes, size_t seen)
{
	/* The blank line may have begun in what was seen: "\n\r" at its end. A bare LF ends
	 * the search too, so that request_parse can refuse it at once. */
	size_t i = seen > 2 ? seen - 2 : 0;

	for (;;) {
		const char *nl = i < bytes.n ? memchr(bytes.p + i, '\n', bytes.n - i) : NULL;

		if (!nl)
			return 0;
		i = (size_t)(nl - bytes.p) + 1;
		if (i < bytes.n && bytes.p[i] == '\n')
			return i + 1;
		if (i + 1 < bytes.n && bytes.p[i] == '\r' && bytes.p[i + 1] == '\n')
			return i + 2;
	}
}

bool
request_begun(struct slice bytes)
{
	/* No method in use is longer; what is looked at for each byte of a slow sender must
	 * stay short. */
	size_t most = bytes.n < 32 ? bytes.n : 32;

	for (size_t i = 0; i < most; i++) {
		if (!is_token_byte((unsigned char)bytes.p[i]))
			return i > 0 && bytes.p[i] == ' ';
	}
	return true;
}

/* Cut the next line, which must end in CRLF and hold no other CR. */
static bool
cut_line(struct slice *rest, struct slice *line)
{
	if (slice_find(*rest, '\n') == rest->n)
		return false;
	*line = slice_cut(rest, '\n');
	if (line->n == 0 || line->p[line->n - 1] != '\r')
		return false;
	line->n--;
	return slice_find(*line, '\r') == line->n;
}

static struct slice
trim_blanks(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The target in its origin form ("/path?query"), or as an absolute URI, whose authority
 * then takes the place of Host. */
static int
parse_target(struct slice target, struct request *r, const char **why)
{
	for (size_t i = 0; i < target.n; i++) {
		unsigned char c = (unsigned char)target.p[i];

		if (c <= ' ' || c >= 0x7f || c == '#') {
			*why = "malformed request target";
			return 400;
		}
	}
	if (target.n == 0 || target.p[0] != '/') {
		size_t skip = begins(target, S("http://")) ? 7 : begins(target, S("https://")) ? 8 : 0;
		size_t n = 0;

		target = slice_from(target, skip);
		while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
			n++;
		if (!skip || n == 0) {
			*why = "malformed request target";
			return 400;
		}
		r->host = slice_of(target.p, n);
		target = slice_from(target, n);
	}
	r->query = target;
	r->path = slice_cut(&r->query, '?');
	if (r->path.n == 0)
		r->path = S("/");
	return 0;
}

static int
parse_request_line(struct slice line, struct request *r, const char **why)
{
	struct slice target;

	r->method = slice_cut(&line, ' ');
	target = slice_cut(&line, ' ');
	if (!request_token(r->method) || line.n != 8 || !slice_starts(line, S("HTTP/"))
	    || line.p[6] != '.') {
		*why = "malformed request line";
		return 400;
	}
	if (slice_is(line, "HTTP/1.1")) {
		r->minor = 1;
	} else if (slice_is(line, "HTTP/1.0")) {
		r->minor = 0;
	} else {
		*why = "HTTP/1.1 is needed";
		return 505;
	}
	return parse_target(target, r, why);
}

static int
parse_field(struct slice line, struct request *r, const char **why)
{
	struct request_field *f;

	if (r->fields == REQUEST_FIELDS) {
		*why = "too many header fields";
		return 431;
	}
	f = &r->field[r->fields];
	*why = "malformed header field";
	if (slice_find(line, ':') == line.n)
		return 400;
	f->name = slice_cut(&line, ':');
	f->value = trim_blanks(line);
	/* A folded line begins with a blank, which is no token byte. */
	if (!request_token(f->name))
		return 400;
	for (size_t i = 0; i < f->value.n; i++) {
		unsigned char c = (unsigned char)f->value.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return 400;
	}
	r->fields++;
	return 0;
}

/* Host as far as it must be sound to be compared and told on: RFC 3986 3.2 without
 * userinfo. */
static bool
is_host(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || strchr("/?#@\\\",", c))
			return false;
	}
	return true;
}

int
request_parse(struct slice header, struct request *r, const char **why)
{
	struct slice line, host = { 0 };
	int status, hosts;

	memset(r, 0, offsetof(struct request, field));
	r->fields = 0;
	if (!cut_line(&header, &line)) {
		*why = "malformed request line";
		return 400;
	}
	if ((status = parse_request_line(line, r, why)))
		return status;
	for (;;) {
		if (!cut_line(&header, &line)) {
			*why = "malformed header field";
			return 400;
		}
		if (line.n == 0)
			break;
		if ((status = parse_field(line, r, why)))
			return status;
	}
	hosts = request_field(r, "host", &host);
	if (hosts > 1 || (hosts == 0 && r->minor == 1)) {
		*why = hosts ? "repeated Host" : "no Host";
		return 400;
	}
	if (!is_host(host) || !is_host(r->host)) {
		*why = "malformed Host";
		return 400;
	}
	if (r->host.n == 0)
		r->host = host;
	return 0;
}

int
request_field(const struct request *r, const char *name, struct slice *value)
{
	struct slice want = slice_str(name);
	int n = 0;

	for (int i = 0; i < r->fields; i++) {
		if (request_same(r->field[i].name, want) && n++ == 0)
			*value = r->field[i].value;
	}
	return n;
}

/* Cut *rest at the first comma outside of a quoted string. */
static struct slice
cut_element(struct slice *rest)
{
	struct slice all = *rest;
	bool quoted = false;

	for (size_t i = 0; i < all.n; i++) {
		if (all.p[i] == '"')
			quoted = !quoted;
		else if (all.p[i] == '\\' && quoted)
			i++;
		else if (all.p[i] == ',' && !quoted) {
			*rest = slice_from(all, i + 1);
			return slice_of(all.p, i);
		}
	}
	*rest = slice_from(all, all.n);
	return all;
}

bool
request_list(const struct request *r, const char *name, struct request_list *at,
    struct slice *element)
{
	struct slice want = slice_str(name);

	for (;;) {
		while (at->rest.n) {
			*element = trim_blanks(cut_element(&at->rest));
			if (element->n)
				return true;
		}
		if (at->field == r->fields)
			return false;
		if (request_same(r->field[at->field].name, want))
			at->rest = r->field[at->field].value;
		at->field++;
	}
}

bool
request_lists(const struct request *r, const char *name, const char *word)
{
	struct request_list at = { 0 };
	struct slice element;

	while (request_list(r, name, &at, &element)) {
		if (request_same(element, slice_str(word)))
			return true;
	}
	return false;
}

int
request_body(const struct request *r, int64_t *length, const char **why)
{
	struct slice cl = { 0 }, te = { 0 };
	int lengths = request_field(r, "content-length", &cl);
	int codings = request_field(r, "transfer-encoding", &te);

	*length = 0;
	*why = "malformed body length";
	if (lengths + codings > 1)
		return 400;
	if (codings) {
		if (r->minor == 0 || !request_same(te, S("chunked")))
			return 400;
		*length = -1;
		return 0;
	}
	if (lengths && (cl.n == 0 || cl.n > 15))
		return 400;
	for (size_t i = 0; i < cl.n; i++) {
		if (cl.p[i] < '0' || cl.p[i] > '9')
			return 400;
		*length = *length * 10 + (cl.p[i] - '0');
	}
	return 0;
}
