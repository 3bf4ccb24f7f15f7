#include "wire.h"

#include <stdio.h>
#include <string.h>

static bool
has(struct slice s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* --- servers that take the room from the path: the floor, and our node-ws and python --- */

static void
path_target(struct buf *b, const struct who *w)
{
	if (w->mode == MODE_ECHO)
		buf_str(b, "/echo");
	else
		buf_fmt(b, "/r%u", w->room);
}

static void
path_echo(struct buf *b, const struct who *w, struct slice message)
{
	(void)w;
	buf_slice(b, message);
}

/* To the publisher's WebSocket: the room and a line end before each message. */
static void
path_publish(struct buf *b, uint32_t room, struct slice message)
{
	buf_fmt(b, "r%u\n", room);
	buf_slice(b, message);
}

/* --- ws-serve --- */

static void
serve_target(struct buf *b, const struct who *w)
{
	(void)w;
	buf_str(b, "/ws");
}

static void
serve_greet(struct buf *b, const struct who *w)
{
	buf_fmt(b, "{\"type\":\"subscribe\",\"payload\":{\"channel\":\"r%u\"}}", w->room);
}

static bool
serve_hears(struct slice message, const struct who *w, struct buf *answer)
{
	(void)w, (void)answer;
	return has(message, "\"subscribed\"");
}

static void
serve_publish(struct buf *b, uint32_t room, struct slice message)
{
	buf_fmt(b, "{\"to\":\"r%u\",\"data\":", room);
	buf_slice(b, message);
	buf_str(b, "}\n");
}

static struct slice
text_of(struct slice message)
{
	size_t before = sizeof("{\"d\":\"") - 1, behind = sizeof("\"}") - 1;

	return slice_of(message.p + before, message.n - before - behind);
}

/* The server's own answer, which returns the id. */
static void
serve_echo(struct buf *b, const struct who *w, struct slice message)
{
	(void)w;
	buf_str(b, "{\"type\":\"ping\",\"id\":\"");
	buf_slice(b, text_of(message));
	buf_str(b, "\"}");
}

/* The answer of its --handler. */
static void
handler_echo(struct buf *b, const struct who *w, struct slice message)
{
	(void)w;
	buf_str(b, "{\"type\":\"echo\",\"d\":\"");
	buf_slice(b, text_of(message));
	buf_str(b, "\"}");
}

static void
serve_relay(struct buf *b, const struct who *w, struct slice message)
{
	buf_fmt(b, "{\"type\":\"message\",\"room\":\"r%u\",\"data\":", w->room);
	buf_slice(b, message);
	buf_str(b, "}");
}

/* --- nchan: nginx locations for subscribers, publishers and those who are both --- */

static void
nchan_target(struct buf *b, const struct who *w)
{
	buf_fmt(b, w->mode == MODE_ECHO || w->mode == MODE_RELAY ? "/both/r%u" : "/sub/r%u",
	    w->room);
}

static void
nchan_publish(struct buf *b, uint32_t room, struct slice message)
{
	buf_fmt(b, "POST /pub/r%u HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", room,
	    message.n);
	buf_slice(b, message);
}

/* --- NATS, its text protocol in binary frames --- */

static void
root_target(struct buf *b, const struct who *w)
{
	(void)w;
	buf_str(b, "/");
}

static void
nats_greet(struct buf *b, const struct who *w)
{
	buf_fmt(b, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB r%u 1\r\nPING\r\n", w->room);
}

static bool
nats_hears(struct slice message, const struct who *w, struct buf *answer)
{
	(void)w, (void)answer;
	return has(message, "PONG");
}

static void
nats_feed_greet(struct buf *b)
{
	buf_str(b, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n");
}

static void
nats_publish(struct buf *b, uint32_t room, struct slice message)
{
	buf_fmt(b, "PUB r%u %zu\r\n", room, message.n);
	buf_slice(b, message);
	buf_str(b, "\r\n");
}

static void
nats_say(struct buf *b, const struct who *w, struct slice message)
{
	nats_publish(b, w->room, message);
}

/* --- mosquitto: MQTT 3.1.1, QoS 0, in binary frames --- */

static void
mqtt_target(struct buf *b, const struct who *w)
{
	(void)w;
	buf_str(b, "/mqtt");
}

static void
mqtt_greet(struct buf *b, const struct who *w)
{
	size_t packet = b->n, topic;

	/* CONNECT: clean session, no keep-alive, the identity in 8 digits. */
	buf_add(b, "\x10\x14\0\4MQTT\4\2\0\0\0\x08", 14);
	buf_fmt(b, "%08u", w->id);
	/* SUBSCRIBE, packet 1; the length of the rest and of the topic are set behind. */
	packet = b->n;
	buf_add(b, "\x82\0\0\1\0\0", 6);
	topic = b->n;
	buf_fmt(b, "r%u", w->room);
	b->p[topic - 1] = (char)(b->n - topic);
	buf_byte(b, 0);
	b->p[packet + 1] = (char)(b->n - packet - 2);
}

/* SUBACK, perhaps right behind CONNACK. */
static bool
mqtt_hears(struct slice message, const struct who *w, struct buf *answer)
{
	(void)w, (void)answer;
	return has(message, "\x90\x03");
}

static void
mqtt_feed_greet(struct buf *b)
{
	buf_add(b, "\x10\x10\0\4MQTT\4\2\0\0\0\4feed", 18);
}

static void
mqtt_publish(struct buf *b, uint32_t room, struct slice message)
{
	char topic[16];
	size_t name = (size_t)snprintf(topic, sizeof(topic), "r%u", room), rest = 2 + name + message.n;

	buf_byte(b, 0x30);
	for (; rest > 127; rest >>= 7)
		buf_byte(b, (char)(rest | 128));
	buf_byte(b, (char)rest);
	buf_byte(b, 0);
	buf_byte(b, (char)name);
	buf_add(b, topic, name);
	buf_slice(b, message);
}

static void
mqtt_say(struct buf *b, const struct who *w, struct slice message)
{
	mqtt_publish(b, w->room, message);
}

/* --- socket.io 4 over Engine.IO 4 --- */

#define SOCKETIO_TARGET "/socket.io/?EIO=4&transport=websocket"

static void
socketio_target(struct buf *b, const struct who *w)
{
	(void)w;
	buf_str(b, SOCKETIO_TARGET);
}

/* The default namespace first; only when we are in it can we ask for a room. */
static void
socketio_greet(struct buf *b, const struct who *w)
{
	(void)w;
	buf_str(b, "40");
}

static bool
socketio_hears(struct slice message, const struct who *w, struct buf *answer)
{
	if (slice_starts(message, S("40")))
		buf_fmt(answer, "421[\"join\",\"r%u\"]", w->room);
	return slice_starts(message, S("431"));
}

static void
socketio_feed_greet(struct buf *b)
{
	buf_str(b, "40");
}

static void
socketio_publish(struct buf *b, uint32_t room, struct slice message)
{
	buf_fmt(b, "42[\"publish\",\"r%u\",", room);
	buf_slice(b, message);
	buf_byte(b, ']');
}

static void
socketio_echo(struct buf *b, const struct who *w, struct slice message)
{
	(void)w;
	buf_str(b, "42[\"echo\",");
	buf_slice(b, message);
	buf_byte(b, ']');
}

static void
socketio_relay(struct buf *b, const struct who *w, struct slice message)
{
	buf_fmt(b, "42[\"relay\",\"r%u\",", w->room);
	buf_slice(b, message);
	buf_byte(b, ']');
}

static const struct wire wires[] = {
	{ .name = "floor", .opcode = FRAME_TEXT, .feed = FEED_STREAM, .target = path_target,
	  .publish = serve_publish, .echo = path_echo, .relay = path_echo },
	{ .name = "ws-serve", .opcode = FRAME_TEXT, .feed = FEED_STREAM, .target = serve_target,
	  .greet = serve_greet, .hears = serve_hears, .publish = serve_publish,
	  .echo = serve_echo, .relay = serve_relay },
	{ .name = "ws-serve+handler", .opcode = FRAME_TEXT, .target = serve_target,
	  .greet = serve_greet, .hears = serve_hears, .echo = handler_echo },
	{ .name = "node-ws", .opcode = FRAME_TEXT, .feed = FEED_WEBSOCKET, .target = path_target,
	  .feed_target = "/publish", .publish = path_publish, .echo = path_echo,
	  .relay = path_echo },
	{ .name = "python", .opcode = FRAME_TEXT, .feed = FEED_WEBSOCKET, .target = path_target,
	  .feed_target = "/publish", .publish = path_publish, .echo = path_echo,
	  .relay = path_echo },
	{ .name = "nchan", .opcode = FRAME_TEXT, .to_sender = true, .feed = FEED_HTTP,
	  .target = nchan_target, .publish = nchan_publish, .echo = path_echo,
	  .relay = path_echo },
	{ .name = "nats", .opcode = FRAME_BINARY, .packed = true, .to_sender = true,
	  .feed = FEED_STREAM, .target = root_target, .greet = nats_greet, .hears = nats_hears,
	  .feed_greet = nats_feed_greet, .feed_until = "PONG",
	  .publish = nats_publish, .echo = nats_say, .relay = nats_say },
	{ .name = "mosquitto", .subprotocol = "mqtt", .opcode = FRAME_BINARY, .packed = true,
	  .to_sender = true, .feed = FEED_STREAM, .target = mqtt_target, .greet = mqtt_greet,
	  .hears = mqtt_hears,
	  .feed_greet = mqtt_feed_greet, .feed_until = "\x20\x02",
	  .publish = mqtt_publish, .echo = mqtt_say, .relay = mqtt_say },
	{ .name = "socketio", .opcode = FRAME_TEXT, .feed = FEED_WEBSOCKET,
	  .target = socketio_target, .greet = socketio_greet, .hears = socketio_hears,
	  .feed_target = SOCKETIO_TARGET, .feed_greet = socketio_feed_greet,
	  .feed_until = "40{", .publish = socketio_publish, .echo = socketio_echo, .relay = socketio_relay },
};

const struct wire *
wire_find(const char *name)
{
	for (size_t i = 0; i < sizeof(wires) / sizeof(*wires); i++)
		if (strcmp(wires[i].name, name) == 0)
			return &wires[i];
	return NULL;
}
