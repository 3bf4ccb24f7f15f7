/* floor - what the kernel costs: the least that a WebSocket server can be. One send for
 * each member and chunk of input; no queue, no limit, no check: what a socket does not
 * take is lost.
 *
 *     floor    listen on a free port of 127.0.0.1 and print it
 *
 * A client is in the room that its path names, /r0 to /r65535; what it says goes to the
 * others there. What it says at /echo comes back to it. Lines of stdin, exactly
 * {"to":"rN","data":MESSAGE}, go to all of room N. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base64.h"
#include "buf.h"
#include "frame.h"
#include "io.h"
#include "mem.h"
#include "slice.h"

enum { FILES = 1 << 17, ROOMS = 1 << 16, CHUNK = 1 << 20, EVENTS = 1024, NO_ROOM = -1 };

static struct client {
	int room;   /* or NO_ROOM: its own */
	int place;  /* in its room */
	bool up;
	struct buf rest; /* bytes of a frame that is not whole */
} clients[FILES];

static struct room {
	int *member;
	int n, cap;
	struct buf batch; /* frames of this chunk */
} rooms[ROOMS];

static struct room *dirty[ROOMS];
static int dirty_count, epoll;
static char chunk[CHUNK], input[CHUNK]; /* of a client, of stdin */

static void
check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void
watch(int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void
put(int fd, struct slice bytes)
{
	send(fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
add_frame(struct buf *b, struct slice payload)
{
	unsigned char header[FRAME_HEADER_MAX];

	buf_add(b, (char *)header, frame_header(header, FRAME_TEXT, payload.n, NULL));
	buf_slice(b, payload);
}

/* --- rooms --- */

static void
enter(int fd, int number)
{
	struct room *r = &rooms[number];

	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->member = mem_resize(r->member, (size_t)r->cap, sizeof(int));
	}
	clients[fd].room = number;
	clients[fd].place = r->n;
	r->member[r->n++] = fd;
}

static void
leave(int fd)
{
	struct client *c = &clients[fd];

	if (c->room != NO_ROOM) {
		struct room *r = &rooms[c->room];
		int last = r->member[--r->n];

		r->member[c->place] = last;
		clients[last].place = c->place;
	}
	buf_free(&c->rest);
	close(fd);
}

static void
send_to(struct room *r, int except)
{
	for (int i = 0; i < r->n; i++)
		if (r->member[i] != except)
			put(r->member[i], buf_view(&r->batch));
	buf_clear(&r->batch);
}

/* --- stdin --- */

static void
command(struct slice line)
{
	static const size_t before = sizeof("{\"to\":\"r") - 1, between = sizeof("\",\"data\":") - 1;
	struct slice rest = slice_from(line, before);
	size_t digits = slice_find(rest, '"');
	int number = 0;
	struct room *r;

	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (rest.p[i] - '0');
	r = &rooms[number & (ROOMS - 1)];
	rest = slice_from(rest, digits + between);
	if (rest.n < 2)
		return;
	if (!r->batch.n)
		dirty[dirty_count++] = r;
	add_frame(&r->batch, slice_of(rest.p, rest.n - 1));
}

/* False at its end. */
static bool
commands(void)
{
	static size_t left;
	ssize_t n = read(0, input + left, CHUNK - left);
	struct slice in = { input, left + (size_t)(n > 0 ? n : 0) };

	if (n == 0)
		return false;
	while (slice_find(in, '\n') < in.n)
		command(slice_cut(&in, '\n'));
	left = in.n;
	memmove(input, in.p, left);
	for (int i = 0; i < dirty_count; i++)
		send_to(dirty[i], -1);
	dirty_count = 0;
	return true;
}

/* --- clients --- */

static void
upgrade(int fd, struct slice request)
{
	static const char field[] = "Sec-WebSocket-Key: ";
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[60];
	const char *key = memmem(request.p, request.n, field, sizeof(field) - 1);
	struct buf answer = {0};

	check(key && slice_starts(request, S("GET /")), "request");
	memcpy(text, key + sizeof(field) - 1, 24);
	memcpy(text + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
	EVP_Digest(text, 60, digest, NULL, EVP_sha1(), NULL);
	buf_str(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	base64_put(&answer, slice_of((char *)digest, 20));
	buf_str(&answer, "\r\n\r\n");
	put(fd, buf_view(&answer));
	buf_free(&answer);
	clients[fd] = (struct client){ .room = NO_ROOM, .up = true };
	if (slice_starts(request, S("GET /r")))
		enter(fd, atoi(request.p + 6) & (ROOMS - 1));
}

/* All whole messages of `in` go out in one piece. */
static void
messages(int fd, struct slice in)
{
	static struct buf own;
	struct client *c = &clients[fd];
	struct room *r = c->room == NO_ROOM ? NULL : &rooms[c->room];
	struct buf *batch = r ? &r->batch : &own;
	struct frame f;

	while (frame_decode(in, true, false, &f, NULL) == FRAME_OK && in.n - f.header >= f.length) {
		char *payload = chunk + (in.p - chunk) + f.header;

		if (f.opcode == FRAME_CLOSE) {
			put(fd, S("\x88\0"));
			leave(fd);
			return;
		}
		frame_mask(payload, f.length, f.mask, 0);
		add_frame(batch, slice_of(payload, f.length));
		in = slice_from(in, f.header + f.length);
	}
	buf_clear(&c->rest);
	if (in.n)
		buf_slice(&c->rest, in);
	if (r && batch->n)
		send_to(r, fd);
	else if (batch->n)
		put(fd, buf_view(batch));
	buf_clear(batch);
}

static void
received(int fd)
{
	struct client *c = &clients[fd];
	size_t old = c->rest.n;
	ssize_t n;

	if (old)
		memcpy(chunk, c->rest.p, old);
	n = recv(fd, chunk + old, CHUNK - old, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		leave(fd);
	else if (c->up)
		messages(fd, slice_of(chunk, old + (size_t)n));
	else
		upgrade(fd, slice_of(chunk, (size_t)n));
}

static void
accept_all(int listener)
{
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		clients[fd] = (struct client){ .room = NO_ROOM };
		watch(fd);
	}
}

int
main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	static struct epoll_event e[EVENTS];

	io_want_files(FILES);
	signal(SIGPIPE, SIG_IGN);
	check(!bind(listener, (struct sockaddr *)&a, size) && !listen(listener, 4096), "listen");
	getsockname(listener, (struct sockaddr *)&a, &size);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	epoll = epoll_create1(0);
	watch(listener);
	fcntl(0, F_SETPIPE_SZ, CHUNK);
	if (fcntl(0, F_SETFL, O_NONBLOCK) == 0)
		epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &(struct epoll_event){ .events = EPOLLIN });
	for (;;) {
		int n = epoll_wait(epoll, e, EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (e[i].data.fd == listener)
				accept_all(listener);
			else if (e[i].data.fd != 0)
				received(e[i].data.fd);
			else if (!commands())
				return 0;
	}
}
