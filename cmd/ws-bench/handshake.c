#include "handshake.h"

#include <openssl/evp.h>
#include <strings.h>

#include "base64.h"

static void
put_header(struct buf *b, const char *name, struct slice value)
{
	if (!value.n)
		return;
	buf_fmt(b, "%s: ", name);
	buf_slice(b, value);
	buf_str(b, "\r\n");
}

void
handshake_request(struct buf *b, const struct handshake *h,
    const unsigned char key[HANDSHAKE_KEY])
{
	buf_str(b, "GET ");
	buf_slice(b, h->target);
	buf_str(b, " HTTP/1.1\r\n");
	put_header(b, "Host", h->host);
	buf_str(b, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
	base64_put(b, slice_of((const char *)key, HANDSHAKE_KEY));
	buf_str(b, "\r\nSec-WebSocket-Version: 13\r\n");
	put_header(b, "Origin", h->origin);
	if (h->bearer.n) {
		buf_str(b, "Authorization: Bearer ");
		buf_slice(b, h->bearer);
		buf_str(b, "\r\n");
	}
	if (h->protocol.n) {
		buf_str(b, "Sec-WebSocket-Protocol: ");
		buf_slice(b, h->protocol);
		if (h->secret_protocol.n) {
			buf_str(b, ", ");
			buf_slice(b, h->secret_protocol);
		}
		buf_str(b, "\r\n");
	}
	for (int i = 0; i < h->nheaders; i++) {
		buf_str(b, h->headers[i]);
		buf_str(b, "\r\n");
	}
	buf_str(b, "\r\n");
}

/* What the server must answer to a key (section 4.2.2, 5.4). */
static void
put_accept(struct buf *b, const unsigned char key[HANDSHAKE_KEY])
{
	struct buf text = { 0 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	base64_put(&text, slice_of((const char *)key, HANDSHAKE_KEY));
	buf_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	if (EVP_Digest(text.p, text.n, digest, &n, EVP_sha1(), NULL))
		base64_put(b, slice_of((const char *)digest, n));
	buf_free(&text);
}

static bool
same_word(struct slice a, const char *word)
{
	return a.n == strlen(word) && strncasecmp(a.p, word, a.n) == 0;
}

/* True if a comma-separated list has the word. */
static bool
has_word(struct slice list, const char *word)
{
	while (list.n)
		if (same_word(slice_trim(slice_cut(&list, ',')), word))
			return true;
	return false;
}

/* A line ends with CR LF and has neither of them in it. */
static bool
take_line(struct slice *rest, struct slice *line)
{
	*line = slice_cut(rest, '\n');
	if (!line->n || line->p[line->n - 1] != '\r')
		return false;
	line->n--;
	return !memchr(line->p, '\r', line->n) && !memchr(line->p, '\0', line->n);
}

static int
status_of(struct slice line)
{
	int status = 0;

	if (line.n < 12 || !slice_starts(line, S("HTTP/1.1 ")) || (line.n > 12 && line.p[12] != ' '))
		return -1;
	for (int i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return -1;
		status = status * 10 + (line.p[i] - '0');
	}
	return status >= 100 ? status : -1;
}

struct fields {
	struct slice upgrade, connection, accept, protocol, extensions;
	const char *why;
};

/* Note a header field that may stand there only once. */
static void
set_once(struct fields *f, struct slice *field, struct slice value, const char *why)
{
	if (field->p)
		f->why = why;
	*field = value;
}

static const char *
read_fields(struct slice rest, struct fields *f)
{
	struct slice line, name;

	while (rest.n) {
		if (!take_line(&rest, &line))
			return "header line does not end with CR LF";
		if (slice_find(line, ':') == line.n)
			return "malformed header";
		name = slice_cut(&line, ':');
		line = slice_trim(line);
		if (!name.n || slice_find(name, ' ') < name.n || slice_find(name, '\t') < name.n)
			return "malformed header";
		if (same_word(name, "Upgrade"))
			set_once(f, &f->upgrade, line, "repeated Upgrade");
		else if (same_word(name, "Connection"))
			set_once(f, &f->connection, line, "repeated Connection");
		else if (same_word(name, "Sec-WebSocket-Accept"))
			set_once(f, &f->accept, line, "repeated Sec-WebSocket-Accept");
		else if (same_word(name, "Sec-WebSocket-Protocol"))
			set_once(f, &f->protocol, line, "repeated Sec-WebSocket-Protocol");
		else if (same_word(name, "Sec-WebSocket-Extensions"))
			set_once(f, &f->extensions, line, "repeated Sec-WebSocket-Extensions");
	}
	return f->why;
}

static const char *
judge(const struct fields *f, const struct handshake *h, const unsigned char key[HANDSHAKE_KEY])
{
	struct buf accept = { 0 };
	const char *why = NULL;

	put_accept(&accept, key);
	if (!same_word(f->upgrade, "websocket"))
		why = "no upgrade to websocket";
	else if (!has_word(f->connection, "upgrade"))
		why = "Connection does not say upgrade";
	else if (!slice_eq(f->accept, buf_view(&accept)))
		why = "wrong Sec-WebSocket-Accept";
	else if (f->extensions.p)
		why = "an extension that was not offered";
	else if (f->protocol.p && !slice_eq(f->protocol, h->protocol))
		why = "a protocol that was not offered";
	buf_free(&accept);
	return why;
}

enum handshake_status
handshake_check(struct slice bytes, const struct handshake *h,
    const unsigned char key[HANDSHAKE_KEY], struct handshake_answer *answer)
{
	const char *end = bytes.n ? memmem(bytes.p, bytes.n, "\r\n\r\n", 4) : NULL;
	struct fields f = { 0 };
	struct slice rest, line;

	*answer = (struct handshake_answer){ 0 };
	if (!end) {
		if (bytes.n < HANDSHAKE_MAX)
			return HANDSHAKE_MORE;
		answer->why = "header too long";
		return HANDSHAKE_BAD;
	}
	answer->size = (size_t)(end - bytes.p) + 4;
	rest = slice_of(bytes.p, answer->size - 2);
	if (!take_line(&rest, &line) || (answer->status = status_of(line)) < 0) {
		answer->why = "not an answer of HTTP/1.1";
		return HANDSHAKE_BAD;
	}
	if (answer->status != 101)
		return HANDSHAKE_REFUSED;
	answer->why = read_fields(rest, &f);
	if (!answer->why)
		answer->why = judge(&f, h, key);
	return answer->why ? HANDSHAKE_BAD : HANDSHAKE_OK;
}
