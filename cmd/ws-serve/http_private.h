/* http_private - the HTTP side's own state and the endpoints' handlers. */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include "http_conn.h"

struct http {
	struct http_config config;
	struct http_conn *first;
	int count;
	unsigned char token_hash[32]; /* SHA-256 of config.token */
	struct http_stats {
		uint64_t requests, refused;
	} stats;
};

#endif
