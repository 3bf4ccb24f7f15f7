/* echo - the raw ends of ws-bench's own benchmark: the least that a WebSocket server and
 * client can be.
 *
 *     echo server              listen on a free port of 127.0.0.1, print it, return each
 *                              small message to its sender
 *     echo client PORT CONNS WINDOW SECONDS
 *                              keep WINDOW messages of 64 bytes on their way on each
 *                              connection, print how many came back a second, and how
 *                              many for each second of processor time
 *
 * Neither checks anything: both exist to be compared with what does. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 65536, CHUNK = 65536, PAYLOAD = 64, FRAME = 6 + PAYLOAD, ANSWER = 2 + PAYLOAD };

static struct peer {
	int up;
	size_t n; /* bytes of a frame that is not complete */
	unsigned char part[FRAME];
} peers[FILES];
static unsigned char in[CHUNK + FRAME], out[2 * CHUNK];

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
check(int ok, const char *what)
{
	if (!ok)
		die(what);
}

static int
tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	check(fd >= 0, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void
watch(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

/* The bytes of a peer that came, behind what was left last time. */
static size_t
receive(int fd, struct peer *p)
{
	ssize_t n;

	memcpy(in, p->part, p->n);
	n = recv(fd, in + p->n, CHUNK, 0);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		close(fd);
		p->up = 0;
		p->n = 0;
		return 0;
	}
	return p->n + (size_t)n;
}

static void
keep(struct peer *p, const unsigned char *rest, size_t n)
{
	p->n = n;
	memcpy(p->part, rest, n);
}

/* --- server --- */

static void
upgrade(int fd, struct peer *p, size_t n)
{
	static const char field[] = "Sec-WebSocket-Key: ";
	unsigned char digest[EVP_MAX_MD_SIZE], text[64];
	unsigned char *key = memmem(in, n, field, sizeof(field) - 1);
	char answer[256];
	int length;

	check(key && memcmp(in + n - 4, "\r\n\r\n", 4) == 0, "upgrade");
	memcpy(text, key + sizeof(field) - 1, 24);
	memcpy(text + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
	EVP_Digest(text, 60, digest, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock(text, digest, 20);
	length = snprintf(answer, sizeof(answer), "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    (char *)text);
	check(send(fd, answer, (size_t)length, MSG_NOSIGNAL) == length, "send");
	p->up = 1;
	p->n = 0;
}

/* Return all whole messages in one piece. */
static void
echo_back(int fd, struct peer *p, size_t n)
{
	unsigned char *f = in, *end = in + n, *o = out;

	while (end - f >= 2) {
		size_t length = f[1] & 127;

		check(length <= PAYLOAD, "length");
		if ((size_t)(end - f) < 6 + length)
			break;
		if ((f[0] & 15) == 8) {
			unsigned char bye[] = { 0x88, 0 };

			send(fd, bye, 2, MSG_NOSIGNAL);
			close(fd);
			p->up = 0;
			p->n = 0;
			return;
		}
		*o++ = f[0];
		*o++ = (unsigned char)length;
		for (size_t i = 0; i < length; i++)
			*o++ = f[6 + i] ^ f[2 + (i & 3)];
		f += 6 + length;
	}
	keep(p, f, (size_t)(end - f));
	check(o == out || send(fd, out, (size_t)(o - out), MSG_NOSIGNAL) == o - out, "send");
}

static void
server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	struct epoll_event e[512];
	int epoll = epoll_create1(0), listener = tcp();

	check(!bind(listener, (struct sockaddr *)&a, sizeof(a)) && !listen(listener, 4096), "listen");
	getsockname(listener, (struct sockaddr *)&a, &size);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	watch(epoll, listener);
	for (;;) {
		int n = epoll_wait(epoll, e, 512, -1);

		for (int i = 0; i < n; i++) {
			int fd = e[i].data.fd, one = 1;
			size_t bytes;

			if (fd == listener) {
				while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
					setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
					watch(epoll, fd);
				}
			} else if ((bytes = receive(fd, &peers[fd]))) {
				if (peers[fd].up)
					echo_back(fd, &peers[fd], bytes);
				else
					upgrade(fd, &peers[fd], bytes);
			}
		}
	}
}

/* --- client --- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
send_messages(int fd, int n)
{
	unsigned char *o = out;

	while (n--) {
		static const unsigned char head[] = { 0x81, 0x80 | PAYLOAD, 1, 2, 3, 4 };

		memcpy(o, head, 6);
		memset(o + 6, 'x', PAYLOAD);
		o += FRAME;
	}
	check(send(fd, out, (size_t)(o - out), MSG_NOSIGNAL) == o - out, "send");
}

static int
open_connection(int port)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n\r\n";
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = tcp();

	check(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
	check(send(fd, request, sizeof(request) - 1, 0) > 0, "send");
	check(recv(fd, in, CHUNK, 0) > 0 && !memcmp(in, "HTTP/1.1 101", 12), "handshake");
	return fd;
}

static void
client(int port, int conns, int window, double seconds)
{
	struct epoll_event e[512];
	int epoll = epoll_create1(0), *fds = calloc((size_t)conns, sizeof(*fds));
	unsigned long answers = 0;
	double begin, end, cpu;

	for (int i = 0; i < conns; i++)
		watch(epoll, fds[i] = open_connection(port));
	begin = now();
	cpu = cpu_seconds();
	end = begin + seconds;
	for (int i = 0; i < conns; i++)
		send_messages(fds[i], window);
	while (now() < end) {
		int n = epoll_wait(epoll, e, 512, 100);

		for (int i = 0; i < n; i++) {
			struct peer *p = &peers[e[i].data.fd];
			size_t bytes = receive(e[i].data.fd, p), whole = bytes / ANSWER;

			if (!bytes)
				continue;
			keep(p, in + whole * ANSWER, bytes % ANSWER);
			answers += whole;
			if (whole)
				send_messages(e[i].data.fd, (int)whole);
		}
	}
	cpu = cpu_seconds() - cpu;
	printf("%.0f %.0f\n", (double)answers / (now() - begin), (double)answers / cpu);
	free(fds);
}

int
main(int argc, char **argv)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max < FILES ? r.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &r);
	if (argc == 2 && strcmp(argv[1], "server") == 0)
		server();
	else if (argc == 6 && strcmp(argv[1], "client") == 0)
		client(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
	else
		fprintf(stderr, "usage: echo server | client PORT CONNS WINDOW SECONDS\n");
	return 2 * (argc != 6);
}
