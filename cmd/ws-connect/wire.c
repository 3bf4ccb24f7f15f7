#include "wire.h"

#include <errno.h>
#include <libwebsockets.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "mem.h"
#include "msg.h"
#include "upgrade.h"
#include "utf8.h"

enum {
	CHUNK = 16 << 10,
	/* libwebsockets 4.1.6 fails an assertion when what it inflates fills its buffer just
	 * before the end of a message: so this holds what WIRE_PIECE_MAX bytes can become,
	 * 1032 times as much. Pages that are not used cost nothing. */
	INFLATED_BITS = 25,
	OUTPUT_HIGH = 64 << 10, /* bytes for the network at which nothing more is fetched */
};

enum order { NOTHING, MESSAGE, PING, CLOSE };

struct wire {
	struct lws_context *context;
	struct lws_protocols protocols[2];
	struct lws_extension extensions[2];
	struct wire_events events;
	size_t max_message;
	uint64_t count;

	/* The connection. */
	struct lws *wsi;
	int fd; /* our end of the stream; -1 when there is none */
	bool deflate, established, done;
	unsigned peer_code;

	/* Coming in. */
	bool fed; /* libwebsockets may have bytes to read */
	struct buf message;
	unsigned fault;
	const char *fault_why;

	/* Going out. */
	enum order order;        /* what is to be done at the next WRITEABLE */
	bool writing, drained;   /* libwebsockets has bytes of it / our end has been emptied */
	unsigned close_code;
	struct buf payload;      /* of the order, behind LWS_PRE bytes; masked in place */
	struct outq flight;      /* handed over, not yet sent in full */
	struct buf out;          /* bytes for the network */
	uint64_t produced, sent; /* bytes of this connection's output */
	unsigned activity;       /* callbacks so far: something has happened */
};

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
    size_t len);

/* libwebsockets reports by callbacks what it prints as well. */
static void
no_log(int level, const char *line)
{
	(void)level;
	(void)line;
}

struct wire *
wire_new(size_t max_message, struct wire_events events)
{
	struct wire *w = mem_zero(1, sizeof(*w));
	struct lws_context_creation_info info = { 0 };

	w->fd = -1;
	w->events = events;
	w->max_message = max_message;
	w->protocols[0] = (struct lws_protocols){ .name = "ws", .callback = on_event,
		.rx_buffer_size = (size_t)1 << INFLATED_BITS };
	w->extensions[0] = (struct lws_extension){ "permessage-deflate",
		lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits" };
	lws_set_log_level(0, no_log);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = w->protocols;
	info.extensions = w->extensions;
	info.user = w;
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	info.pt_serv_buf_size = CHUNK;
	info.fd_limit_per_thread = 8;
	w->context = lws_create_context(&info);
	if (!w->context)
		msg_die(EXIT_HOST, "cannot set up libwebsockets");
	return w;
}

void
wire_free(struct wire *w)
{
	if (!w)
		return;
	wire_abandon(w, NULL);
	lws_context_destroy(w->context);
	buf_free(&w->message);
	buf_free(&w->payload);
	buf_free(&w->out);
	free(w);
}

/* --- the connection --- */

/* One end for libwebsockets, which can only connect by address: an abstract socket
 * that the kernel names. Somebody else on this host might connect to it first, so only
 * this process is let in. Our end is returned, or -1 with errno. */
static int
connect_wire(struct wire *w)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(name);
	char address[sizeof(name.sun_path) + 2] = "+@";
	struct lws_client_connect_info ci = { 0 };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)) < 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &n) < 0 || listen(listener, 8) < 0)
		goto out;
	memcpy(address + 2, name.sun_path + 1, n - offsetof(struct sockaddr_un, sun_path) - 1);
	ci.context = w->context;
	ci.address = address;
	ci.path = "/";
	ci.host = "localhost";
	ci.ietf_version_or_minus_one = -1;
	ci.local_protocol_name = "ws";
	ci.pwsi = &w->wsi;
	if (!lws_client_connect_via_info(&ci)) {
		errno = ECONNREFUSED;
		goto out;
	}
	for (;;) {
		struct ucred peer;
		socklen_t size = sizeof(peer);

		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0 || (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
			peer.pid == getpid()))
			break;
		close(fd);
	}
out:
	if (listener >= 0) {
		int saved = errno;

		close(listener);
		errno = saved;
	}
	return fd;
}

/* Read the request of libwebsockets and agree to it as the server has agreed to ours. */
static int
answer(struct wire *w, struct slice extension)
{
	struct buf head = { 0 }, reply = { 0 };
	struct slice key;
	int rc = -1;

	for (unsigned i = 0; i < 1000 && !w->done; i++) {
		ssize_t n;

		lws_service(w->context, -1);
		n = read(w->fd, buf_reserve(&head, CHUNK), CHUNK);
		if (n > 0)
			head.n += (size_t)n;
		if (head.n >= 4 && memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	key = http_field(buf_view(&head), "sec-websocket-key", NULL);
	if (key.n) {
		char accept[UPGRADE_ACCEPT + 1];

		upgrade_accept(key, accept);
		buf_fmt(&reply, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", accept);
		if (extension.n)
			buf_fmt(&reply, "Sec-WebSocket-Extensions: %.*s\r\n", (int)extension.n,
			    extension.p);
		buf_str(&reply, "\r\n");
		if (send(w->fd, reply.p, reply.n, MSG_NOSIGNAL) == (ssize_t)reply.n)
			for (unsigned i = 0; i < 1000 && !w->established && !w->done; i++)
				lws_service(w->context, -1);
		rc = w->established ? 0 : -1;
	}
	if (rc)
		errno = EPROTO;
	buf_free(&head);
	buf_free(&reply);
	return rc;
}

int
wire_open(struct wire *w, struct slice extension)
{
	w->deflate = extension.n != 0;
	w->established = w->done = w->writing = false;
	w->drained = true;
	w->fed = false;
	w->order = NOTHING;
	w->peer_code = w->fault = 0;
	w->fault_why = NULL;
	w->produced = w->sent = 0;
	buf_clear(&w->message);
	buf_clear(&w->out);
	w->fd = connect_wire(w);
	if (w->fd >= 0 && answer(w, extension) == 0)
		return 0;
	int saved = errno;

	wire_abandon(w, NULL);
	errno = saved;
	return -1;
}

void
wire_abandon(struct wire *w, struct outq *q)
{
	if (w->fd >= 0) {
		close(w->fd);
		w->fd = -1;
	}
	/* The hang-up is all libwebsockets needs to let go. */
	for (unsigned i = 0; i < 1000 && w->wsi && !w->done; i++)
		lws_service(w->context, -1);
	w->wsi = NULL;
	w->order = NOTHING;
	if (q)
		outq_prepend(q, &w->flight);
	else
		outq_free(&w->flight);
}

/* --- what comes in --- */

static int
fault(struct wire *w, unsigned code, const char *why)
{
	if (!w->fault) {
		w->fault = code;
		w->fault_why = why;
	}
	return 0;
}

static int
receive(struct wire *w, const char *in, size_t len)
{
	bool last = lws_is_final_fragment(w->wsi) && !lws_remaining_packet_payload(w->wsi);
	bool binary = lws_frame_is_binary(w->wsi);

	if (w->fault)
		return 0;
	if (len > w->max_message - w->message.n)
		return fault(w, 1009, "a message longer than --max-message");
	buf_add(&w->message, in, len);
	if (!last)
		return 0;
	/* RFC 6455 8.1. libwebsockets' own check lets a message end within a character. */
	if (!binary && !utf8_valid(buf_view(&w->message)))
		return fault(w, 1007, "a text that is not UTF-8");
	w->events.message(w->events.ctx, buf_view(&w->message), binary);
	buf_clear(&w->message);
	return 0;
}

bool
wire_input(struct wire *w, struct slice bytes)
{
	/* The stream is empty, since libwebsockets reads all in wire_pump: so this is never
	 * cut short but when it has stopped reading for good. */
	if (send(w->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes.n)
		return false;
	w->fed = true;
	wire_pump(w);
	return true;
}

void
wire_peer_closes(struct wire *w, unsigned code)
{
	w->peer_code = code;
}

unsigned
wire_fault(const struct wire *w, const char **why)
{
	*why = w->fault_why;
	return w->fault;
}

/* --- what goes out --- */

static unsigned char *
payload(struct wire *w)
{
	return (unsigned char *)w->payload.p + LWS_PRE;
}

static void
order(struct wire *w, enum order what, struct slice body)
{
	buf_clear(&w->payload);
	buf_reserve(&w->payload, LWS_PRE + body.n);
	memcpy(w->payload.p + LWS_PRE, body.n ? body.p : "", body.n);
	w->payload.n = LWS_PRE + body.n;
	w->order = what;
	w->writing = true;
	w->drained = false;
	lws_callback_on_writable(w->wsi);
}

void
wire_send(struct wire *w, struct outmsg *m)
{
	outq_push(&w->flight, m);
	m->end = UINT64_MAX;
	order(w, MESSAGE, slice_of(m->p, m->n));
}

void
wire_ping(struct wire *w, struct slice body)
{
	order(w, PING, body);
}

void
wire_close(struct wire *w, unsigned code, struct slice reason)
{
	w->close_code = code;
	order(w, CLOSE, reason);
}

static int
writeable(struct wire *w)
{
	enum order what = w->order;
	size_t n = w->payload.n - LWS_PRE;

	w->order = NOTHING;
	switch (what) {
	case NOTHING:
		/* The order of before has left libwebsockets whole. */
		w->writing = false;
		return 0;
	case MESSAGE:
		if (lws_write(w->wsi, payload(w), n,
			w->flight.last->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < (int)n)
			return -1;
		break;
	case PING:
		if (lws_write(w->wsi, payload(w), n, LWS_WRITE_PING) < 0)
			return -1;
		break;
	case CLOSE:
		lws_close_reason(w->wsi, (enum lws_close_status)w->close_code, payload(w), n);
		return -1;
	}
	lws_callback_on_writable(w->wsi);
	return 0;
}

bool
wire_ready(const struct wire *w)
{
	return w->fd >= 0 && !w->done && w->established && !w->writing && w->drained &&
	    w->out.n < CHUNK;
}

bool
wire_idle(const struct wire *w)
{
	return !w->writing && w->drained && !w->out.n && !w->flight.count;
}

struct slice
wire_output(const struct wire *w)
{
	return buf_view(&w->out);
}

void
wire_sent(struct wire *w, size_t n)
{
	buf_drop(&w->out, n);
	w->sent += n;
	while (w->flight.first && w->flight.first->end <= w->sent) {
		struct outmsg *m = outq_pop(&w->flight);

		w->count += !m->ours;
		free(m);
	}
}

uint64_t
wire_count(const struct wire *w)
{
	return w->count;
}

/* Fetch what libwebsockets has written. True if there was something. */
static bool
fetch(struct wire *w)
{
	bool some = false;

	while (w->fd >= 0 && w->out.n < OUTPUT_HIGH) {
		ssize_t n = io_read(w->fd, buf_reserve(&w->out, CHUNK), CHUNK);

		if (n <= 0) {
			if (!w->writing && !w->drained) {
				w->drained = true;
				if (w->flight.last && w->flight.last->end == UINT64_MAX)
					w->flight.last->end = w->produced;
			}
			break;
		}
		w->out.n += (size_t)n;
		w->produced += (uint64_t)n;
		some = true;
	}
	return some;
}

/* Bytes that libwebsockets has not read yet, roughly; 0 without a connection. */
static int
unread(struct wire *w)
{
	int n = 0;

	if (w->fd < 0 || !w->fed || ioctl(w->fd, SIOCOUTQ, &n) < 0)
		return 0;
	w->fed = n != 0;
	return n;
}

void
wire_pump(struct wire *w)
{
	unsigned activity;
	int left;

	/* Reading a part of a frame is work too, though no callback tells of it. */
	do {
		activity = w->activity;
		left = unread(w);
		lws_service(w->context, -1);
	} while (fetch(w) || w->activity != activity || unread(w) != left);
}

bool
wire_done(const struct wire *w)
{
	return w->done;
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct wire *w = lws_context_user(lws_get_context(wsi));

	(void)user;
	if (!w || wsi != w->wsi)
		return 0;
	w->activity++;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONFIRM_EXTENSION_SUPPORTED:
		return !w->deflate;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		w->established = true;
		if (w->deflate)
			lws_set_extension_option(wsi, "permessage-deflate", "rx_buf_size", "25");
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return receive(w, in, len);
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		w->events.pong(w->events.ctx, slice_of(in, len));
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (len >= 2 && w->peer_code) {
			((unsigned char *)in)[0] = (unsigned char)(w->peer_code >> 8);
			((unsigned char *)in)[1] = (unsigned char)w->peer_code;
		}
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return writeable(w);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
	case LWS_CALLBACK_CLIENT_CLOSED:
		w->done = true;
		w->wsi = NULL;
		return 0;
	default:
		w->activity--;
		return 0;
	}
}
