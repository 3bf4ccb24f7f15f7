/* conn_lws - what libwebsockets tells of connections. */
#ifndef CONN_LWS_H
#define CONN_LWS_H

#include <libwebsockets.h>

/* The callback of the one protocol. */
int conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
    size_t len);

#endif
