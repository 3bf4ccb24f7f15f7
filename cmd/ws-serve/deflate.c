#include "deflate.h"

#include <stdint.h>
#include <zlib.h>

#include "exit.h"
#include "msg.h"

enum {
	PASS_ON = 5,   /* lws's private PMDR_NOTHING_WE_SHOULD_DO, the same from 4.1 to 4.4 */
	LEVEL = 1,     /* the fastest: an answer is packed for one connection alone */
	PIECE = 16384, /* bytes by which the unpacked message grows at least */
};

struct lws *deflate_wsi;

static int
callback(struct lws_context *context, const struct lws_extension *ext, struct lws *wsi,
    enum lws_extension_callback_reasons reason, void *user, void *in, size_t len)
{
	static const struct lws_ext_options options[] = {
		{ "server_no_context_takeover", EXTARG_NONE },
		{ "client_no_context_takeover", EXTARG_NONE },
		{ NULL, 0 },
	};

	(void)context;
	(void)ext;
	(void)user;
	(void)len;
	switch ((int)reason) {
	case LWS_EXT_CB_CONSTRUCT:
		deflate_wsi = wsi;
		*(const struct lws_ext_options **)in = options;
		return 0;
	case LWS_EXT_CB_PAYLOAD_RX:
	case LWS_EXT_CB_PAYLOAD_TX:
		return PASS_ON;
	default:
		return 0;
	}
}

const struct lws_extension deflate_extensions[] = {
	{ "permessage-deflate", callback, "permessage-deflate" },
	{ 0 },
};

void
deflate_pack(struct buf *out, struct slice message)
{
	static z_stream z;
	size_t room = message.n + message.n / 1000 + 64;

	if (!z.state) {
		if (deflateInit2(&z, LEVEL, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
			msg_die(EXIT_HOST, "out of memory");
	} else {
		deflateReset(&z);
	}
	z.next_in = (Bytef *)message.p;
	z.avail_in = (uInt)message.n;
	do {
		z.next_out = (Bytef *)buf_reserve(out, room);
		z.avail_out = (uInt)room;
		deflate(&z, Z_SYNC_FLUSH);
		out->n += room - z.avail_out;
	} while (z.avail_out == 0);
	/* RFC 7692 7.2.1: the empty block that a flush ends with is not sent. */
	out->n -= 4;
}

enum deflate_status
deflate_unpack(struct buf *out, struct slice packed, size_t most)
{
	static z_stream z;
	static const unsigned char tail[] = { 0, 0, 0xff, 0xff };
	struct slice parts[] = { packed, { (const char *)tail, sizeof(tail) } };
	size_t before = out->n;

	if (!z.state) {
		if (inflateInit2(&z, -15) != Z_OK)
			msg_die(EXIT_HOST, "out of memory");
	} else {
		inflateReset(&z);
	}
	for (int i = 0; i < 2; i++) {
		z.next_in = (Bytef *)parts[i].p;
		z.avail_in = (uInt)parts[i].n;
		do {
			/* One byte over `most` tells that there is more. */
			size_t left = most + 1 - (out->n - before);
			size_t room = left < PIECE ? left : PIECE;
			int rc;

			z.next_out = (Bytef *)buf_reserve(out, room);
			z.avail_out = (uInt)room;
			rc = inflate(&z, Z_SYNC_FLUSH);
			out->n += room - z.avail_out;
			if (out->n - before > most)
				return DEFLATE_TOO_BIG;
			if (rc == Z_BUF_ERROR)
				break; /* it waits for more input */
			if (rc == Z_STREAM_END)
				inflateReset(&z); /* a block marked as the last, RFC 7692 7.2.3.4 */
			else if (rc != Z_OK)
				return DEFLATE_BAD;
		} while (z.avail_in || z.avail_out == 0);
	}
	return DEFLATE_OK;
}
