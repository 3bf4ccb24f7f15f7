#include "respond.h"

#include <inttypes.h>
#include <stdio.h>

#include "js.h"

static const char *
phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 204: return "No Content";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 426: return "Upgrade Required";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "";
	}
}

void
respond_put(struct buf *b, const struct respond *r)
{
	int64_t length = r->body.p ? (int64_t)r->body.n : r->length;

	buf_fmt(b, "HTTP/1.1 %d %s\r\n", r->status, phrase(r->status));
	if (r->type)
		buf_fmt(b, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", r->type);
	if (r->status != 204 && r->status != 304)
		buf_fmt(b, "Content-Length: %" PRId64 "\r\n", length);
	if (r->fields)
		buf_str(b, r->fields);
	/* RFC 9110 7.8: who sends Upgrade names it in Connection, too. */
	buf_str(b, r->status == 426 ? "Connection: close, Upgrade\r\n\r\n" : "Connection: close\r\n\r\n");
	if (!r->head)
		buf_slice(b, r->body);
}

void
respond_refusal(struct buf *b, int status, const char *reason, int retry_s, const char *allow)
{
	struct buf body = { 0 };
	char fields[160];
	int n = 0;

	fields[0] = '\0';
	if (status == 426)
		n = snprintf(fields, sizeof fields,
		    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	else if (status == 405)
		n = snprintf(fields, sizeof fields, "Allow: %.64s\r\n", allow ? allow : "GET");
	else if (status == 401)
		n = snprintf(fields, sizeof fields, "WWW-Authenticate: Bearer\r\n");
	if (retry_s > 0)
		snprintf(fields + n, sizeof fields - (size_t)n, "Retry-After: %d\r\n", retry_s);
	buf_byte(&body, '{');
	js_put_member_int(&body, "status", status);
	js_put_member(&body, "error", slice_str(reason));
	buf_str(&body, "}\n");
	respond_put(b, &(struct respond){ .status = status, .type = "application/json",
	    .body = buf_view(&body), .fields = fields });
	buf_free(&body);
}
