/* record - a delivery as a line of the stream (ws-stream(5)). */
#ifndef RECORD_H
#define RECORD_H

#include "rec.h"
#include "rmq.h"

/* Append the line, without its end. tag 0: none; queue NULL: none. False when the
 * properties are malformed: then the line lacks them. */
bool record_put(struct buf *b, const struct rmq_message *m, uint64_t tag, const char *queue,
    enum rec_form form);

/* The offset of a message that came out of a stream; -1 when there is none. */
int64_t record_stream_offset(const struct rmq_message *m);

#endif
