/* sources: cmd/ws-bench/handshake.c cmd/ws-bench/stencil.c */
/* Frames that a server sends to ws-bench: cut anywhere, the messages and the end are the
 * same, and what goes back is whole masked frames. The first byte is the size of reads. */
#include <errno.h>
#include <sys/socket.h>

static ssize_t fuzz_recv(int fd, void *p, size_t n, int flags);
static ssize_t fuzz_send(int fd, const void *p, size_t n, int flags);
#define recv fuzz_recv
#define send fuzz_send
#include "../../cmd/ws-bench/wire.c"
#undef recv
#undef send

#include <stdlib.h>

#include "mem.h"
#include "utf8.h"
#include "fuzz.h"

static struct slice coming;
static struct buf back;
static uint64_t heard;   /* a digest of all messages */
static bool gone;

static ssize_t
fuzz_recv(int fd, void *p, size_t n, int flags)
{
	(void)flags;
	need(fd == 5);
	if (!coming.n) {
		errno = EAGAIN;
		return -1;
	}
	if (n > coming.n)
		n = coming.n;
	memcpy(p, coming.p, n);
	coming = slice_from(coming, n);
	return (ssize_t)n;
}

static ssize_t
fuzz_send(int fd, const void *p, size_t n, int flags)
{
	(void)flags;
	need(fd == 5);
	buf_add(&back, p, n);
	return (ssize_t)n;
}

void client_interest(struct client *k, struct conn *c, bool on) { (void)k; c->want_write = on; }
uint64_t client_clock(struct client *k) { return ++k->now; }
bool conn_blocked(const struct conn *c) { return c->io && c->io->sent < c->io->out.n; }

struct io *
conn_io(struct conn *c)
{
	if (!c->io)
		c->io = mem_zero(1, sizeof(*c->io));
	return c->io;
}

static void
drop_io(struct conn *c)
{
	if (c->io) {
		buf_free(&c->io->in);
		buf_free(&c->io->out);
		buf_free(&c->io->message);
		free(c->io);
		c->io = NULL;
	}
}

void
conn_tidy(struct conn *c)
{
	if (c->io && !c->io->out.n && !c->io->in.n && !c->io->fragmented)
		drop_io(c);
}

void
client_gone(struct client *k, struct conn *c, const char *fmt, ...)
{
	(void)k;
	need(!gone && *fmt);
	gone = true;
	c->fd = -1;
	c->state = CONN_OFF;
	drop_io(c);
}

void
client_frame(struct client *k, struct buf *b, enum frame_opcode opcode, struct slice payload)
{
	static const unsigned char mask[4];
	char *p = buf_reserve(b, FRAME_HEADER_MAX + payload.n);
	size_t n = frame_header((unsigned char *)p, opcode, payload.n, mask);

	(void)k;
	if (payload.n)
		memcpy(p + n, payload.p, payload.n);
	b->n += n + payload.n;
}

static void
message(void *ctx, struct conn *c, struct slice m)
{
	(void)ctx;
	need(c->state == CONN_UP && m.n <= 1000);
	heard = heard * 31 + m.n + 1;
	for (size_t i = 0; i < m.n; i++)
		heard = heard * 31 + (unsigned char)m.p[i];
}

static void handled(void *ctx, struct conn *c) { (void)ctx; need(c->state == CONN_UP); }
static void drained(void *ctx, struct conn *c) { (void)ctx; (void)c; }

static void
check_frames(struct slice rest)
{
	struct frame f;

	while (rest.n) {
		need(frame_decode(rest, true, false, &f, NULL) == FRAME_OK &&
		    f.length <= rest.n - f.header);
		rest = slice_from(rest, f.header + (size_t)f.length);
	}
}

/* How it ends: the messages, and whether the connection is still there. */
static uint64_t
listen_to(struct slice in, size_t step)
{
	static const struct config config = { .max_message = 1000 };
	static char chunk[CLIENT_CHUNK];
	struct client k = { .config = &config, .in = chunk,
		.ops = { .message = message, .handled = handled, .drained = drained } };
	struct conn c = { .fd = 5, .state = CONN_UP };

	coming = in;
	heard = 0;
	gone = false;
	buf_clear(&back);
	while (coming.n && c.fd == 5)
		wire_read(&k, &c, step);
	need(gone == (c.fd < 0));
	drop_io(&c);
	check_frames(buf_view(&back));
	return heard * 2 + gone;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data + 1, size ? size - 1 : 0);

	if (size && in.n <= CLIENT_CHUNK)
		need(listen_to(in, data[0] + 1u) == listen_to(in, CLIENT_CHUNK));
	return 0;
}
