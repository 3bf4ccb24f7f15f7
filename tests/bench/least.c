/* least - the least that a WebSocket client can be. It checks nothing: it exists to be
 * compared with what does.
 *
 *     least PORT CONNS WINDOW SECONDS
 *
 * keeps WINDOW messages of 64 bytes on their way on each connection to a server that
 * returns them, and prints how many came back a second, and how many for each second of
 * its own processor time. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 1024, CHUNK = 65536, PAYLOAD = 64, FRAME = 6 + PAYLOAD, ANSWER = 2 + PAYLOAD };

static struct peer {
	size_t n; /* bytes of a frame that is not complete */
	unsigned char part[FRAME];
} peers[FILES];
static unsigned char in[CHUNK + FRAME], out[2 * CHUNK];

static void
check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
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
	check(n > 0, "recv");
	return p->n + (size_t)n;
}

static void
keep(struct peer *p, const unsigned char *rest, size_t n)
{
	p->n = n;
	memcpy(p->part, rest, n);
}

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
	if (argc != 5) {
		fprintf(stderr, "usage: least PORT CONNS WINDOW SECONDS\n");
		return 2;
	}
	client(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), atof(argv[4]));
	return 0;
}
