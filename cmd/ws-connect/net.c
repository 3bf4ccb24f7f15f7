#include "net.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"

/* What a failed SSL_read or SSL_write means. */
static ssize_t
tls_result(struct net *n, int rc, struct buf *why)
{
	int saved = errno;

	switch (SSL_get_error(n->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return NET_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		n->wants_write = true;
		return NET_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		buf_str(why, saved ? strerror(saved) : "connection closed");
		return NET_FAILED;
	default:
		/* An end without close_notify: WebSocket has a closing handshake of its own. */
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return 0;
		}
		tls_reason(why, "TLS failed");
		return NET_FAILED;
	}
}

static ssize_t
plain_result(struct buf *why)
{
	if (errno == EAGAIN || errno == EINTR)
		return NET_AGAIN;
	buf_str(why, strerror(errno));
	return NET_FAILED;
}

ssize_t
net_read(struct net *n, void *p, size_t size, struct buf *why)
{
	ssize_t r;

	if (n->ssl) {
		ERR_clear_error();
		n->wants_write = false;
		int rc = SSL_read(n->ssl, p, (int)size);

		return rc > 0 ? rc : tls_result(n, rc, why);
	}
	r = recv(n->fd, p, size, 0);
	return r >= 0 ? r : plain_result(why);
}

ssize_t
net_write(struct net *n, const void *p, size_t size, struct buf *why)
{
	ssize_t r;

	if (n->ssl) {
		ERR_clear_error();
		n->wants_write = false;
		int rc = SSL_write(n->ssl, p, (int)size);

		return rc > 0 ? rc : tls_result(n, rc, why);
	}
	r = send(n->fd, p, size, MSG_NOSIGNAL);
	return r >= 0 ? r : plain_result(why);
}

void
net_close(struct net *n)
{
	if (n->ssl) {
		/* A courtesy; nobody waits for the answer. */
		if (SSL_is_init_finished(n->ssl))
			SSL_shutdown(n->ssl);
		ERR_clear_error();
		SSL_free(n->ssl);
	}
	if (n->fd >= 0)
		close(n->fd);
	*n = (struct net){ .fd = -1 };
}
