/* message - a line as the message that is to be published: where to, with which
 * properties, which body. Pure. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "amqpprops.h"
#include "template.h"

enum message_body { BODY_DATA, BODY_RECORD };

/* How lines become messages, from the options. */
struct message_plan {
	const char *exchange;         /* NULL: not given */
	struct template *key;         /* likewise */
	const char *queue;            /* instead of both */
	bool as_recorded;             /* what is not given comes from the record */
	bool raw;                     /* a line is a body, whatever it is */
	int body;                     /* enum message_body */
	struct amqpprops defaults;    /* for messages that lack the property */
	struct slice headers;         /* likewise: a JSON object, or empty */
};

struct message {
	struct slice exchange, key, props, body; /* valid until the next message_make */
	uint64_t tag;                            /* of the line; 0: none */
	struct buf text, scratch, wire;          /* private */
};

enum message_status {
	MESSAGE_OK,
	MESSAGE_BARE, /* nothing but a tag: a no-op that is acknowledged in turn */
	MESSAGE_BAD,  /* not to be sent; *why says why */
};

/* *m must be {0} or used before; free with message_free. *why is appended to. */
enum message_status message_make(const struct message_plan *p, struct slice line,
    struct message *m, struct buf *why);
void message_free(struct message *m);

#endif
