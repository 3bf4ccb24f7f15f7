/* config - the options of ws-serve. Filled by main.c, read-only afterwards. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "num.h"
#include "opt.h"
#include "proxy.h"

enum config_slow { SLOW_CLOSE, SLOW_DROP, SLOW_BLOCK };

struct config {
	const char *address;          /* the operand, or NULL */

	/* network */
	bool reuse_port;
	bool no_io_uring;
	const char *cert, *key;       /* PEM files; both or none */
	struct proxy proxy;           /* --trust-proxy */
	bool trust_proxy;             /* it has an entry */
	const char *files;            /* --static DIR */

	/* HTTP */
	const char *admin;            /* where its listener is */
	struct opt_list admin_hosts;
	const char *admin_token_file;
	bool admin_open;
	unsigned expose;              /* set of 1 << HTTP_…, on the public port */
	const char *metrics_file;

	/* who may come in */
	const char *auth;             /* command of the authenticator */
	int64_t auth_timeout_ms;
	const char *auth_cookie;
	struct opt_list auth_headers;
	int64_t auth_message_ms;      /* 0: no auth message */
	bool guests;
	bool refuse_close;            /* --refuse close */
	struct opt_list origins;
	const char *rooms;            /* rooms file */
	struct opt_list endpoints;    /* PATH=SPELLING */

	/* events */
	unsigned events;              /* set of 1 << EVENT_… */
	bool stdout_drop;
	struct opt_list claims;       /* added to `open` */
	int payload;                  /* enum rec_form */
	bool acks;

	/* input */
	const char *raw;              /* --raw ROOM */
	bool raw_all;
	int64_t max_line;
	bool stay;

	/* control */
	const char *control;          /* path of the control socket */
	int64_t control_mode;         /* its permissions */
	const char *handler;          /* command of the handler */

	/* limits */
	int64_t max_connections;      /* 0: by descriptors */
	int64_t max_per_ip;
	struct num_rate connect_rate;
	struct num_rate message_rate;
	int64_t max_message;
	int64_t max_rooms, max_patterns, max_invalid;
	int64_t max_handshakes;
	int64_t client_queue, queue_total;
	enum config_slow slow;
	int64_t block_ms;             /* --slow block:TIME */

	/* life */
	int64_t ping_interval_ms, ping_timeout_ms; /* interval 0: no pings */
	int64_t drain_ms;
	bool deflate;
};

#endif
