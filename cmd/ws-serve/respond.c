#include "respond.h"

#include <inttypes.h>
#include <time.h>

#include "js.h"

static const char *
phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 301: return "Moved Permanently";
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

/* RFC 9110 6.6.1: who has a clock says when. */
static void
put_date(struct buf *b)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[64];

	gmtime_r(&now, &tm);
	strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	buf_str(b, text);
}

void
respond_put(struct buf *b, const struct respond *r)
{
	int64_t length = r->body.p ? (int64_t)r->body.n : r->length;

	buf_fmt(b, "HTTP/1.1 %d %s\r\n", r->status, phrase(r->status));
	put_date(b);
	if (r->type)
		buf_fmt(b, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", r->type);
	if (r->status != 304)
		buf_fmt(b, "Content-Length: %" PRId64 "\r\n", length);
	if (r->fields)
		buf_str(b, r->fields);
	/* RFC 9110 7.8: who sends Upgrade names it in Connection, too. */
	buf_str(b, r->status == 426 ? "Connection: close, Upgrade\r\n\r\n" : "Connection: close\r\n\r\n");
	if (!r->head)
		buf_slice(b, r->body);
}

void
respond_refusal(struct buf *b, const struct refusal *r)
{
	struct buf body = { 0 }, fields = { 0 };

	if (r->status == 426)
		buf_str(&fields, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	else if (r->status == 405)
		buf_fmt(&fields, "Allow: %s\r\n", r->allow ? r->allow : "GET");
	else if (r->status == 401)
		buf_str(&fields, "WWW-Authenticate: Bearer\r\n");
	if (r->retry_s > 0)
		buf_fmt(&fields, "Retry-After: %d\r\n", r->retry_s);
	buf_byte(&body, '{');
	js_put_member_int(&body, "status", r->status);
	js_put_member(&body, "error", slice_str(r->reason));
	buf_str(&body, "}\n");
	respond_put(b, &(struct respond){ .status = r->status, .type = "application/json",
	    .body = buf_view(&body), .fields = buf_cstr(&fields), .head = r->head });
	buf_free(&body);
	buf_free(&fields);
}
