/* amqpprops - the properties of a message of AMQP 0-9-1 (the content header of class
 * basic) between wire and JSON, without loss. Pure. Names are the specification's,
 * "content_type" and so on; the headers, which are one of the properties, stand beside
 * them in a record. Strings that are not UTF-8 and header values: amqptable.h. */
#ifndef AMQPPROPS_H
#define AMQPPROPS_H

#include "buf.h"
#include "js.h"

/* In the order of the wire. */
enum amqpprops_field {
	PROP_CONTENT_TYPE, PROP_CONTENT_ENCODING, PROP_HEADERS, PROP_DELIVERY_MODE,
	PROP_PRIORITY, PROP_CORRELATION_ID, PROP_REPLY_TO, PROP_EXPIRATION,
	PROP_MESSAGE_ID, PROP_TIMESTAMP, PROP_TYPE, PROP_USER_ID, PROP_APP_ID,
	PROP_CLUSTER_ID, PROP_COUNT
};

/* Each property as JSON text, borrowed; empty: not there. */
struct amqpprops {
	struct slice json[PROP_COUNT];
};

/* The field of that name, PROP_COUNT when there is none ("headers" is none). */
enum amqpprops_field amqpprops_find(struct slice name);

/* Append the members "headers":{…}, if there are any, and "properties":{…}, always, for
 * the property flags and list of a content header, with commas as js_put_key. 0, or -1
 * when the bytes are malformed (then nothing was appended). */
int amqpprops_to_json(struct buf *b, struct slice wire);

/* Split the "properties" object of a record (or an empty slice) into p->json, headers
 * left alone. 0, or -1 with *why set (static text). */
int amqpprops_read(struct slice json, struct amqpprops *p, const char **why);

/* 0 when the value suits the property, else -1 with *why set (static text). */
int amqpprops_check(enum amqpprops_field f, struct slice json, const char **why);

/* Append flags and list for `p`; header members of `more` (an object, or empty) are added
 * where p has none of that name. 0, or -1 with *why set; then *wire is as it was. */
int amqpprops_to_wire(struct buf *wire, const struct amqpprops *p, struct slice more,
    const char **why);

#endif
