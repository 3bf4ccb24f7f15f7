/* amqptable - AMQP 0-9-1 field tables between wire and JSON, without loss: what is read
 * into JSON and written back is the same bytes. Pure.
 *
 *     t bool       true false              S long string  "text" (UTF-8)
 *     I int32      7                                      {"!string":BASE64} (other)
 *     l int64      7000000000              x byte array   {"!bytes":BASE64}
 *     d double     1.5 3.0                 T timestamp    {"!timestamp":1700000000}
 *     V void       null                    D decimal      {"!decimal":"1.50"}
 *     F table      {"a":1}                 f float        {"!float":1.5}
 *     A array      [1,"b"]                 b B s u i L    {"!int8":1} !uint8 !int16
 *                                                         !uint16 !uint32 !uint64
 *
 * An int64 that fits in 32 bits is {"!int64":7}, a table whose only member begins with
 * '!' is {"!table":{…}}, a float or double that is no number is its bits in hexadecimal,
 * {"!double":"0x7ff8000000000000"}. A table that cannot be told so (unknown types, keys
 * that are not UTF-8, nesting over AMQPTABLE_DEPTH) is {"!raw":BASE64}, as a whole. The
 * letters are those that RabbitMQ reads and writes, which differ from the specification's
 * (section 4.2.1) for s, u and L. */
#ifndef AMQPTABLE_H
#define AMQPTABLE_H

#include "buf.h"
#include "js.h"

enum { AMQPTABLE_DEPTH = 64 };

/* Append the table, given without its length, as a JSON object. Never fails. */
void amqptable_to_json(struct buf *b, struct slice wire);

/* Append the wire form of a valid JSON object, its length first. 0, or -1 with *why set
 * (static text); then *wire is as it was. */
int amqptable_from_json(struct buf *wire, struct slice json, const char **why);

/* The same for the members of several objects in one table: those of `json`, then those
 * of `defaults` (may be empty) whose names are not in `json`. */
int amqptable_merge(struct buf *wire, struct slice json, struct slice defaults,
    const char **why);

/* Append one short string (a length byte first). 0, or -1 when over 255 bytes. */
int amqptable_put_short(struct buf *wire, struct slice s);

/* The bytes of a JSON string or {"!string":BASE64}, borrowed from the text or behind what
 * *scratch holds. 0, or -1 when it is neither. */
int amqptable_string(struct slice json, struct buf *scratch, struct slice *bytes);

/* An option NAME=VALUE: *name is borrowed, the value is appended to *json; it is what it
 * is in JSON when it is a scalar there, else a string. NULL, or why not (static text). */
const char *amqptable_pair(const char *text, struct slice *name, struct buf *json);

/* Append bytes as a JSON string when they are UTF-8, else as {"!string":BASE64}. */
void amqptable_put_string(struct buf *b, struct slice bytes);

#endif
