/* http - requests that are no WebSocket: files, exposed endpoints, administration. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>

#include "listen.h"
#include "request.h"

struct http;

/* True if there is something at this path, whatever the method. */
bool http_has(struct http *h, const struct request *r);

/* Serve a request whose header has been taken from the socket: `fd` is http's to answer
 * and to close from now on. The request's slices last for the call. */
void http_take(struct http *h, int fd, const struct listener *from, const struct request *r);

#endif
