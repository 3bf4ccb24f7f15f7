/* frame - WebSocket frames, RFC 6455 section 5. Pure; no allocation.
 * Encoding serves both ends: a server's frames are not masked, a client's are. Decoding
 * is strict: reserved opcodes, RSV bits that no extension allows, lengths that are not
 * in their shortest form or have the top bit set, and control frames that are
 * fragmented or longer than 125 bytes are errors. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum frame_opcode {
	FRAME_CONTINUATION = 0,
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10,
};

enum {
	FRAME_HEADER_MAX = 14,  /* longest header, with a mask */
	FRAME_SERVER_MAX = 10,  /* longest header without one */
	FRAME_CONTROL_MAX = 125, /* longest payload of a control frame */
};

struct frame {
	enum frame_opcode opcode;
	bool fin, rsv1, masked;
	unsigned char mask[4]; /* zeros when not masked */
	uint64_t length;       /* of the payload, bytes */
	size_t header;         /* bytes of the header itself */
};

/* Write the header of a whole (FIN) message of `length` bytes to out[FRAME_HEADER_MAX];
 * mask NULL: not masked. Returns the header's length. */
size_t frame_header(unsigned char *out, enum frame_opcode opcode, uint64_t length,
    const unsigned char mask[4]);

/* As frame_header, for any of the bits. */
size_t frame_header_bits(unsigned char *out, const struct frame *f);

enum frame_status {
	FRAME_OK,   /* *f is set; the payload begins f->header bytes further on */
	FRAME_MORE, /* the header is not complete: call again with more */
	FRAME_BAD,  /* close with 1002; *why says what is wrong (static text) */
};

/* Decode the header at the beginning of `bytes`. `from_client`: the frame must be
 * masked, else it must not be (section 5.1). rsv1: an extension allows RSV1 on data
 * frames (permessage-deflate, RFC 7692). */
enum frame_status frame_decode(struct slice bytes, bool from_client, bool rsv1,
    struct frame *f, const char **why);

/* XOR n bytes with the mask (section 5.3). `at` is the offset of p in the payload, so
 * that a payload can be done piece by piece. */
void frame_mask(char *p, size_t n, const unsigned char mask[4], uint64_t at);

/* True when an endpoint may send this code in a Close frame (section 7.4 and the IANA
 * registry: 1000 to 1003, 1007 to 1014, 3000 to 4999). */
bool frame_close_code_ok(unsigned code);

/* Check the payload of a Close frame: empty, or a code that may be sent and a reason in
 * UTF-8. Returns the code (1005 when empty) and sets *reason to the text behind it; 0
 * when malformed. */
unsigned frame_close(struct slice payload, struct slice *reason);

#endif
