/* guest - the door's inside: its guests, the lists they wait in, and their end. Shared by
 * gate.c (arrivals), knock.c (requests) and door.c (the owner's side). */
#ifndef GUEST_H
#define GUEST_H

#include <netinet/in.h>

#include "door.h"
#include "handshake.h"
#include "peers.h"
#include "request.h"

enum guest_state {
	GUEST_READING,   /* its header is not whole yet */
	GUEST_KNOCKED,   /* the owner thinks */
	GUEST_LINGERING, /* was refused; what it still sends is dropped */
	GUEST_GONE,
	GUEST_STATES = GUEST_GONE,
};

struct guest {
	struct door *door;
	struct guest *prev, *next; /* of the list of its state; next also of the dead */
	void *data;
	const struct listener *from;
	struct peer *peer;         /* as a connection to be; see peers_enter */
	struct peer *waiting;      /* as a request; see peers_wait */
	int64_t due_us;            /* READING, LINGERING */
	int fd;
	enum guest_state state;
	size_t seen;               /* READING: bytes looked at; then length of the header */
	bool polled;               /* in the door's epoll */
	bool upgrade;              /* its refusal is an event */
	bool head;                 /* HEAD: answered without a body */
	bool has_address;
	bool bearer;
	bool deflate;
	char key[HANDSHAKE_KEY];
	struct peer_address address;
	char remote[INET6_ADDRSTRLEN + 10];
};

/* Guests in the order in which their time runs out: all of a list have the same time. */
struct guest_list {
	struct guest *first, *last;
};

struct door {
	struct ev_loop *loop;
	struct door_config config;
	const struct door_ops *ops;
	void *ctx;
	struct gate *gates;         /* gate.c */
	int reserve;                /* a descriptor to give up when there are no others */
	bool stopped;
	int epoll;                  /* guests that are waited for */
	ev_io io;                   /* of `epoll` */
	ev_timer deadline, pause;
	struct guest_list list[GUEST_STATES];
	int busy;                   /* depth of code that holds guests */
	struct guest *dead;         /* freed when nobody is busy */
	struct door_stats stats;
	struct buf token;           /* a decoded one */
	struct buf answer;          /* a refusal */
	char peeked[REQUEST_MAX];
};

/* A new guest in READING. */
struct guest *guest_new(struct door *d, const struct listener *from, int fd);

/* Change its state, with the time it has in it. */
void guest_move(struct guest *g, enum guest_state state);

/* The end of a guest: its socket is closed unless g->fd is -1. The struct lives on, GONE,
 * until the last guest_leave. */
void guest_free(struct guest *g);

/* Around code that may free guests that it, or a caller of it, still looks at. */
void guest_enter(struct door *d);
void guest_leave(struct door *d);

/* Be told (on_guests in door.c) when more comes or the client leaves. One wake for each
 * arrival. False when the kernel refuses. */
bool guest_watch(struct guest *g);
void guest_unwatch(struct guest *g);

/* Count a refusal. */
void guest_count_refusal(struct door *d, int status, const char *reason);

/* Refuse it; it is on its way out or GONE afterwards. */
void guest_refuse(struct guest *g, int status, const char *reason, int retry_s);

/* Answer 503 on a socket that gets no place, and close it. `plain`: the client would
 * understand an answer (no TLS). */
void guest_shed(struct door *d, int fd, const char *reason, bool plain);

/* Drop what has come in. True while the client has not ended its side. */
bool guest_discard(int fd);

/* Take n bytes out of a socket, which were seen in it, and no byte behind them. */
bool guest_consume(int fd, size_t n);

/* Give the deadline timer the first deadline there is. */
void guest_arm(struct door *d);

/* Look at what has come (knock.c). `ended`: no more will. */
void guest_look(struct guest *g, bool ended);

/* The listeners' watchers (gate.c). */
void gate_start(struct door *d);
void gate_stop(struct door *d);

#endif
