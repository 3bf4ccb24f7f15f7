/* options - what the user asked for. Filled by main, read-only afterwards. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "opt.h"
#include "rec.h"
#include "url.h"

enum token_place { TOKEN_HEADER, TOKEN_QUERY, TOKEN_PROTOCOL, TOKEN_MESSAGE };

struct options {
	struct url url;
	struct buf shown; /* the URL without secrets, terminated */

	/* lines */
	bool records, raw, nul, json_seq, binary;
	int payload; /* enum rec_form */
	struct opt_list match;
	int64_t max_line, max_message;

	/* the end */
	int64_t count;   /* 0: no limit */
	int64_t timeout; /* ms, like all times; 0: none */
	int64_t idle_timeout;
	int64_t linger; /* -1: until the server closes */
	int64_t drain;

	const char *metrics;

	/* the session */
	struct opt_list subscribe;
	const char *on_open;
	const char *token_file, *token_command;
	int token_in; /* enum token_place */
	int64_t reconnect; /* attempts in a row; 0: none, INT64_MAX: for ever */
	int64_t delay_min, delay_max, jitter;
	int64_t queue; /* bytes */
	bool queue_drop;
	int64_t ping_interval, ping_timeout; /* interval 0: no pings */
	int64_t connect_timeout;

	/* the handshake */
	struct opt_list headers; /* "Name: value", checked */
	struct opt_list subprotocols;
	const char *origin;
	bool deflate;

	/* the way there */
	const char *cacert, *cert, *key;
	bool insecure;
	struct url proxy; /* host NULL: none */
};

#endif
