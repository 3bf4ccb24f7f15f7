#include "metrics_text.h"

#include <stdio.h>

#include "conn.h"
#include "control.h"
#include "door.h"
#include "edge.h"
#include "events.h"
#include "handler.h"
#include "http.h"
#include "life.h"
#include "metrics.h"
#include "msg.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "tls.h"

static void
put_counters(struct buf *b, const struct counters *c)
{
	const struct metric table[] = {
		{ "ws_serve_connections_opened_total", METRICS_COUNTER, "Connections that were let in", &c->opened },
		{ "ws_serve_connections_closed_total", METRICS_COUNTER, "Connections that have ended", &c->closed },
		{ "ws_serve_messages_received_total", METRICS_COUNTER, "Messages of clients", &c->received },
		{ "ws_serve_received_bytes_total", METRICS_COUNTER, "Bytes of messages of clients", &c->received_bytes },
		{ "ws_serve_messages_sent_total", METRICS_COUNTER, "Messages handed to connections", &c->sent },
		{ "ws_serve_sent_bytes_total", METRICS_COUNTER, "Bytes of messages handed to connections, as they are sent", &c->sent_bytes },
		{ "ws_serve_messages_dropped_total", METRICS_COUNTER, "Messages lost by slow clients under --slow drop", &c->dropped },
		{ "ws_serve_slow_closed_total", METRICS_COUNTER, "Connections closed for being too slow", &c->slow },
		{ "ws_serve_commands_total", METRICS_COUNTER, "Commands carried out or refused", &c->commands },
		{ "ws_serve_command_errors_total", METRICS_COUNTER, "Commands that were wrong", &c->command_errors },
		{ "ws_serve_bad_lines_total", METRICS_COUNTER, "Lines of input that are no command", &c->bad_lines },
		{ "ws_serve_joins_total", METRICS_COUNTER, "Rooms and patterns joined", &c->joins },
		{ "ws_serve_leaves_total", METRICS_COUNTER, "Rooms and patterns left", &c->leaves },
		{ "ws_serve_denied_total", METRICS_COUNTER, "Requests of clients that the room rules refused", &c->denied },
		{ "ws_serve_invalid_messages_total", METRICS_COUNTER, "Messages that break the client protocol", &c->invalid },
		{ "ws_serve_rate_limited_total", METRICS_COUNTER, "Messages over the message rate", &c->rate_limited },
		{ "ws_serve_too_big_total", METRICS_COUNTER, "Messages over the longest allowed", &c->too_big },
		{ "ws_serve_unfinished_total", METRICS_COUNTER,
		  "Messages refused because too much was under way", &c->unfinished },
		{ "ws_serve_bad_utf8_total", METRICS_COUNTER, "Messages and close reasons that are not UTF-8", &c->bad_utf8 },
		{ "ws_serve_ping_timeouts_total", METRICS_COUNTER, "Connections that did not answer a ping", &c->ping_timeouts },
		{ "ws_serve_tokens_expired_total", METRICS_COUNTER, "Connections whose token ran out", &c->expired },
		{ "ws_serve_auth_asked_total", METRICS_COUNTER, "Questions to the authenticator", &c->auth_asked },
		{ "ws_serve_auth_refused_total", METRICS_COUNTER, "Tokens that the authenticator refused", &c->auth_refused },
		{ "ws_serve_auth_timeouts_total", METRICS_COUNTER, "Questions without an answer in time", &c->auth_timeouts },
		{ "ws_serve_auth_restarts_total", METRICS_COUNTER, "Restarts of the authenticator", &c->auth_restarts },
		{ "ws_serve_events_total", METRICS_COUNTER, "Events", &c->events },
		{ "ws_serve_events_dropped_total", METRICS_COUNTER, "Events lost under --stdout drop", &c->events_dropped },
		{ "ws_serve_parked_total", METRICS_COUNTER, "Times a connection waited for the reader of stdout", &c->parked },
		{ "ws_serve_held_total", METRICS_COUNTER, "Times a source of commands waited for a slow connection", &c->held },
		{ "ws_serve_reloads_total", METRICS_COUNTER, "Reloads that succeeded", &c->reloads },
		{ "ws_serve_reload_errors_total", METRICS_COUNTER, "Reloads that failed", &c->reload_errors },
		{ 0 },
	};

	metrics_table(b, table);
	metrics_summary(b, "ws_serve_ping_seconds", "Round trips of pings", (double)c->rtt_us / 1e6,
	    (double)c->rtt_count);
}

static void
put_gauges(struct buf *b, const struct server *s)
{
	const struct {
		const char *name, *help;
		double value;
	} gauges[] = {
		{ "ws_serve_uptime_seconds", "Time since the start", (double)server_now_us(s) / 1e6 },
		{ "ws_serve_ready", "1 when it serves, 0 while draining or without an authenticator", life_ready(s) },
		{ "ws_serve_connections", "Connections that are open", (double)conn_count(s) },
		{ "ws_serve_connections_max", "Connections that may be open", (double)s->max_connections },
		{ "ws_serve_rooms", "Rooms with a member", (double)room_count(s) },
		{ "ws_serve_users", "Users with a connection", (double)room_user_count(s) },
		{ "ws_serve_queued_bytes", "Bytes that wait for slow clients", (double)send_queued(s) },
		{ "ws_serve_events_pending_bytes", "Bytes that wait for the reader of stdout", (double)event_pending(s) },
	};

	for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
		metrics_value(b, gauges[i].name, METRICS_GAUGE, gauges[i].help, gauges[i].value);
}

static void
put_door(struct buf *b, const struct door_stats *d)
{
	const struct metric table[] = {
		{ "ws_serve_accepted_total", METRICS_COUNTER, "Connections accepted by the kernel", &d->accepted },
		{ "ws_serve_handshake_timeouts_total", METRICS_COUNTER, "Requests that did not come in time", &d->timeouts },
		{ "ws_serve_shed_total", METRICS_COUNTER, "Connections sent away for want of descriptors", &d->shed },
		{ "ws_serve_handshakes_left_total", METRICS_COUNTER, "Clients that left before they were answered", &d->left },
		{ 0 },
	};
	const char *name = "ws_serve_refused_total";

	metrics_table(b, table);
	metrics_value(b, "ws_serve_handshakes", METRICS_GAUGE, "Requests in the door now", (double)d->guests);
	metrics_family(b, name, METRICS_COUNTER, "Requests that were refused, by HTTP status and reason");
	for (int i = 0; i < d->refused_n; i++) {
		struct buf labels = { 0 };
		char status[8];

		snprintf(status, sizeof status, "%d", d->refused[i].status);
		metrics_label(&labels, "code", slice_str(status));
		metrics_label(&labels, "reason", slice_str(d->refused[i].reason));
		metrics_sample(b, name, buf_cstr(&labels), (double)d->refused[i].n);
		buf_free(&labels);
	}
}

static void
put_tls(struct buf *b, const struct tls_stats *t)
{
	metrics_value(b, "ws_serve_tls_accepted_total", METRICS_COUNTER, "Connections over TLS",
	    (double)t->accepted);
	metrics_value(b, "ws_serve_tls_failed_total", METRICS_COUNTER, "TLS handshakes that failed",
	    (double)t->failed);
	metrics_value(b, "ws_serve_tls_relays", METRICS_GAUGE, "Connections over TLS now",
	    (double)t->relays);
	metrics_value(b, "ws_serve_tls_certificate_expiry_timestamp_seconds", METRICS_GAUGE,
	    "When the certificate in use expires, in seconds since 1970", (double)t->expires);
}

static void
put_http(struct buf *b, const struct http_stats *h)
{
	const struct metric table[] = {
		{ "ws_serve_http_requests_total", METRICS_COUNTER, "Requests for endpoints and files", &h->requests },
		{ "ws_serve_http_refused_total", METRICS_COUNTER, "Those of them that were refused", &h->refused },
		{ "ws_serve_http_slow_total", METRICS_COUNTER,
		  "Those of them that were cut because the client was too slow", &h->slow },
		{ "ws_serve_http_displaced_total", METRICS_COUNTER,
		  "Those of them that were cut because another address needed the place", &h->displaced },
		{ 0 },
	};

	metrics_table(b, table);
}

void
metrics_text(struct buf *b, const struct server *s)
{
	struct http_stats http = { 0 };
	const struct tls_stats *tls = edge_tls_stats(s);
	struct control_stats control = control_stats(s);

	put_gauges(b, s);
	put_counters(b, &s->counters);
	put_door(b, door_stats(s->door));
	edge_http_stats(s, &http);
	put_http(b, &http);
	if (tls)
		put_tls(b, tls);
	metrics_value(b, "ws_serve_control_peers", METRICS_GAUGE, "Peers of the control socket",
	    (double)control.peers);
	metrics_value(b, "ws_serve_control_dropped_total", METRICS_COUNTER,
	    "Lines lost by slow peers of the control socket", (double)control.dropped);
	metrics_value(b, "ws_serve_control_refused_total", METRICS_COUNTER,
	    "Peers refused since there were too many", (double)control.refused);
	metrics_value(b, "ws_serve_stderr_lost_total", METRICS_COUNTER,
	    "Messages that stderr had no room for", (double)msg_lost());
	if (s->handler)
		metrics_value(b, "ws_serve_handler_lost_total", METRICS_COUNTER,
		    "Events lost while the handler did not run", (double)handler_lost(s));
}
