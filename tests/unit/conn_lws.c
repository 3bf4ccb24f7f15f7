/* What libwebsockets may let in: cmd/ws-serve/conn_lws.c behind a listener of lws's own,
 * which no request of ours ever gets to. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "../../cmd/ws-serve/conn_lws.c"

/* --- what it calls --- */

static struct conn *admitting; /* what the door lets in right now */
static int asked;

void *
door_admitting(void)
{
	asked++;
	return admitting;
}

int
door_add_headers(struct lws_process_html_args *args)
{
	(void)args;
	return 0;
}

int
send_writable(struct conn *c)
{
	(void)c;
	return 0;
}

int
inbox_piece(struct conn *c, const char *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
	return 0;
}

void
conn_note_close(struct conn *c, unsigned code, struct slice reason)
{
	(void)c;
	(void)code;
	(void)reason;
}

void conn_retire(struct conn *c) { (void)c; }
void send_forget(struct conn *c) { (void)c; }
void conn_set_timer(struct conn *c) { (void)c; }
void conn_ending(struct conn *c) { (void)c; }
void conn_closed(struct conn *c) { (void)c; }

/* --- a server and its client, in turns --- */

static struct lws_context *context;
static struct lws_vhost *vhost;

static void
listen_by_lws(void)
{
	static struct lws_protocols protocols[] = {
		{ .name = "wsutils", .callback = conn_callback, .rx_buffer_size = 1024 },
		{ 0 },
	};
	struct lws_context_creation_info info = {
		.port = 0,
		.iface = "127.0.0.1",
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};

	lws_set_log_level(0, NULL);
	context = lws_create_context(&info);
	vhost = context ? lws_create_vhost(context, &info) : NULL;
}

/* A turn of the server: what there is to do, then a millisecond at most for the client. */
static void
turn(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	lws_service(context, -1);
	poll(&p, 1, 1);
}

static int
join(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)lws_get_vhost_listen_port(vhost)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), before = asked;

	CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	for (int i = 0; i < 2000 && asked == before; i++)
		turn(fd);
	CHECK(asked > before);
	return fd;
}

/* Send a request, and give the server time until it has answered or hung up: true if the
 * answer is a 101. */
static bool
lets_in(int fd, const char *request)
{
	char answer[4096];
	ssize_t n = -1;

	send(fd, request, strlen(request), MSG_NOSIGNAL);
	for (int i = 0; i < 2000; i++) {
		turn(fd);
		n = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN)
			break;
	}
	answer[n > 0 ? n : 0] = '\0';
	return strstr(answer, "HTTP/1.1 101");
}

static const char upgrade[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

TEST(what_the_door_lets_in_gets_in)
{
	struct conn c = { 0 };
	int fd;

	admitting = &c;
	fd = join();
	CHECK(lets_in(fd, upgrade));
	CHECK(c.wsi);
	close(fd);
	admitting = NULL;
}

TEST(nothing_gets_in_without_the_door)
{
	int fd = join();

	CHECK(!lets_in(fd, upgrade));
	close(fd);
}

TEST(a_connection_from_before_gets_in_no_more)
{
	struct conn c = { 0 };
	int fd;

	admitting = &c;
	fd = join();
	admitting = NULL;
	CHECK(!lets_in(fd, upgrade));
	CHECK(!c.wsi);
	close(fd);
}

int
main(void)
{
	listen_by_lws();
	RUN(what_the_door_lets_in_gets_in);
	RUN(nothing_gets_in_without_the_door);
	RUN(a_connection_from_before_gets_in_no_more);
	lws_context_destroy(context);
	return unit_done();
}
