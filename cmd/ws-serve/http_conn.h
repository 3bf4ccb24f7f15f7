/* http_conn - one HTTP request and its answer, after which the connection ends. Inside of
 * the HTTP side: http.c decides, http_conn.c reads and writes, the others make answers. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "body.h"
#include "buf.h"
#include "http.h"
#include "pace.h"
#include "static.h"

enum {
	HTTP_CONNS = 256, /* requests at a time; http_places.c says whose, 503 beyond */
};

struct http_conn;

/* What takes the content of a POST. `data` is called with what came, `end` once when it
 * is whole and must answer; `gone` when the connection ends before or after that. */
struct http_sink {
	void (*data)(struct http_conn *c, struct slice content);
	void (*end)(struct http_conn *c);
	void (*gone)(struct http_conn *c);
};

struct http_conn {
	struct http *http;
	struct http_conn *prev, *next;
	int fd;
	enum { HTTP_READING, HTTP_WRITING, HTTP_LINGERING } state;
	bool head;                    /* HEAD: no body goes out */
	bool held;                    /* READING: not now */
	bool leisurely;               /* READING: only a pause is too slow, pace.h */
	struct peer_address who;
	struct ev_io io;
	struct ev_timer timer;        /* of the pace; LINGERING: of the end */
	struct pace pace;
	uint64_t moved;               /* bytes received, and given to the kernel to send */
	struct body body;
	const struct http_sink *sink; /* of the request's body */
	void *data;                   /* the sink's */
	struct buf out;
	size_t sent;
	int file;                     /* goes out behind `out`; -1: none */
	int64_t file_left;
};

/* Answer; the connection is on its way out afterwards. One answer each. `fields`: more
 * header fields, each with its CRLF, or NULL. */
void http_reply(struct http_conn *c, int status, const char *type, struct slice body,
    const char *fields);
void http_refuse(struct http_conn *c, int status, const char *reason, const char *allow);
void http_send_file(struct http_conn *c, const struct static_file *file, const char *fields);

/* Expect a body and give it to `sink`. */
void http_receive(struct http_conn *c, const struct http_sink *sink, void *data);

/* Stop reading the body, or go on. */
void http_hold(struct http_conn *c, bool on);

/* Make a connection for fd of a client at `who`; NULL when there are too many (fd was
 * answered and closed). http_conn_start is called once the request is understood. */
struct http_conn *http_conn_new(struct http *h, int fd, struct peer_address who);
void http_conn_start(struct http_conn *c);
void http_conn_free(struct http_conn *c);

/* The same, with a reset: the kernel keeps nothing for a client that does not take it. */
void http_conn_cut(struct http_conn *c);

/* Bytes of the answer that the kernel still holds for the client. */
size_t http_conn_untaken(const struct http_conn *c);

#endif
