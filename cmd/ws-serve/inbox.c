#include "inbox.h"

#include <libwebsockets.h>
#include <stdlib.h>

#include "client.h"
#include "conn.h"
#include "conn_end.h"
#include "conn_timer.h"
#include "deflate.h"
#include "events.h"
#include "mem.h"
#include "server.h"
#include "utf8.h"

enum {
	RSV1 = 0x40,            /* as lws_get_reserved_bits gives it: the message is packed */
	CLOSE_TRY_AGAIN = 1013, /* IANA's registry of close codes */
};

struct inboxes {
	struct server *server;
	struct ev_idle resume; /* parked connections go on, slice by slice */
	uint64_t unfinished;   /* bytes of messages that have not come whole */
};

/* A message that waits. */
struct parked {
	struct parked *next;
	size_t n;
	bool binary;
	char bytes[];
};

static void
keep(struct conn *c, struct slice message, bool binary)
{
	struct parked *p = mem_alloc(sizeof(*p) + message.n), **end = &c->kept;

	*p = (struct parked){ .n = message.n, .binary = binary };
	if (message.n)
		memcpy(p->bytes, message.p, message.n);
	/* Few: lws stops reading at once and delivers what one read brought. */
	while (*end)
		end = &(*end)->next;
	*end = p;
}

static void
message_free(struct buf *message)
{
	if (message) {
		buf_free(message);
		free(message);
	}
}

void
inbox_forget(struct conn *c)
{
	while (c->kept) {
		struct parked *p = c->kept;

		c->kept = p->next;
		free(p);
	}
	if (c->message)
		c->server->inboxes->unfinished -= c->message->n;
	message_free(c->message);
	c->message = NULL;
	if (c->parked) {
		c->parked = false;
		conn_parked(c, false);
	}
}

void
inbox_park(struct conn *c)
{
	if (c->parked)
		return;
	c->parked = true;
	c->server->counters.parked++;
	conn_parked(c, true);
	lws_rx_flow_control(c->wsi, 0);
}

/* A whole message. */
static void
take(struct conn *c, struct slice message, bool binary)
{
	if (!c->parked) {
		client_message(c, message, binary);
		if (!c->parked) {
			c->received++;
			c->server->counters.received++;
			return;
		}
	}
	keep(c, message, binary);
}

static int
refuse(struct conn *c, enum lws_close_status code, const char *reason)
{
	conn_note_close(c, code, slice_str(reason));
	conn_retire(c);
	lws_close_reason(c->wsi, code, (unsigned char *)reason, strlen(reason));
	return -1;
}

/* A whole message has come: unpack it, check it, act on it. */
static int
complete(struct conn *c, struct slice whole)
{
	struct server *s = c->server;
	struct buf plain = { 0 };
	enum deflate_status status = DEFLATE_OK;
	int result = 0;

	if (c->packed) {
		status = deflate_unpack(&plain, whole, (size_t)s->config->max_message);
		whole = buf_view(&plain);
	}
	if (status == DEFLATE_TOO_BIG) {
		s->counters.too_big++;
		result = refuse(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too big");
	} else if (status == DEFLATE_BAD) {
		result = refuse(c, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "malformed compression");
	} else if (!c->binary && !utf8_valid(whole)) {
		s->counters.bad_utf8++;
		result = refuse(c, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "invalid UTF-8");
	} else {
		take(c, whole, c->binary);
	}
	buf_free(&plain);
	return result;
}

int
inbox_piece(struct conn *c, const char *p, size_t n)
{
	struct server *s = c->server;
	size_t before = c->message ? c->message->n : 0;
	struct buf *pieces;
	bool last;
	int result;

	c->seen_us = server_now_us(s);
	c->ping_out = false;
	if (c->closing)
		return 0;
	s->counters.received_bytes += n;
	if (before + n > (size_t)s->config->max_message) {
		s->counters.too_big++;
		return refuse(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too big");
	}
	if (lws_is_first_fragment(c->wsi)) {
		c->binary = lws_frame_is_binary(c->wsi);
		c->packed = lws_get_reserved_bits(c->wsi) & RSV1;
	} else if (!c->midway && lws_get_reserved_bits(c->wsi) & RSV1) {
		/* RFC 7692 6: only the first frame of a message has it. */
		return refuse(c, LWS_CLOSE_STATUS_PROTOCOL_ERR, "rsv bits");
	}
	c->midway = lws_remaining_packet_payload(c->wsi);
	last = lws_is_final_fragment(c->wsi) && !c->midway;
	if (last && !before)
		return complete(c, slice_of(p, n));
	if (s->inboxes->unfinished + n > (uint64_t)s->config->queue_total) {
		s->counters.unfinished++;
		return refuse(c, (enum lws_close_status)CLOSE_TRY_AGAIN, "too much is under way");
	}
	if (!c->message)
		c->message = mem_zero(1, sizeof(*c->message));
	buf_add(c->message, p, n);
	s->inboxes->unfinished += n;
	if (!last)
		return 0;
	/* Not the connection's any more: its end, in here, must not release them. */
	pieces = c->message;
	c->message = NULL;
	s->inboxes->unfinished -= pieces->n;
	result = complete(c, buf_view(pieces));
	message_free(pieces);
	return result;
}

void
inbox_unpark(struct conn *c)
{
	struct server *s = c->server;

	if (!c->parked)
		return;
	c->parked = false;
	while (c->kept && !c->parked && !c->closing) {
		struct parked *p = c->kept;

		/* Out of the list: the connection's end releases what is in it. */
		c->kept = p->next;
		client_message(c, slice_of(p->bytes, p->n), p->binary);
		if (c->parked) {
			p->next = c->kept;
			c->kept = p;
		} else {
			free(p);
			c->received++;
			s->counters.received++;
		}
	}
	if (c->parked || c->closing)
		return;
	conn_parked(c, false);
	lws_rx_flow_control(c->wsi, 1);
	conn_kick(s);
}

static void
on_resume(struct ev_loop *loop, struct ev_idle *w, int revents)
{
	struct inboxes *x = w->data;
	int most = 64;

	(void)revents;
	for (struct conn *c = conn_first(x->server), *next; c; c = next) {
		next = c->next;
		if (!c->parked || c->ask)
			continue;
		if (event_must_wait(x->server, EVENT_MESSAGE) || !most--)
			return;
		inbox_unpark(c);
	}
	ev_idle_stop(loop, w);
}

void
inbox_resume(struct server *s)
{
	ev_idle_start(s->loop, &s->inboxes->resume);
}

void
inboxes_new(struct server *s)
{
	struct inboxes *x = s->inboxes = mem_zero(1, sizeof(*x));

	x->server = s;
	ev_idle_init(&x->resume, on_resume);
	/* Each turn: libev has idle watchers of lower priority wait for an idle loop. */
	ev_set_priority(&x->resume, EV_MAXPRI);
	x->resume.data = x;
}

void
inboxes_free(struct server *s)
{
	ev_idle_stop(s->loop, &s->inboxes->resume);
	free(s->inboxes);
	s->inboxes = NULL;
}
