/* rmq_wire - what rmq.c and rmq_wire.c share; nothing for others. */
#ifndef RMQ_WIRE_H
#define RMQ_WIRE_H

#include "rmq.h"

/* Note the end of the connection and why. Returns RMQ_CLOSED. */
enum rmq_event rmq_fail(struct rmq *r, enum rmq_status status, uint16_t code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Queue a method on any channel. */
void rmq_send_on(struct rmq *r, uint16_t channel, amqp_method_number_t id, void *method);

/* Queue a heartbeat. */
void rmq_send_heartbeat(struct rmq *r);

#endif
