/* Fuzzing: what a broker sends, frame by frame. */
#include <stdint.h>
#include <stdlib.h>

#include "amqpprops.h"
#include "rmq.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rmq r = RMQ_INIT;
	struct buf json = { 0 };
	enum rmq_event e;

	r.frame_max = AMQP_FRAME_MIN_SIZE;
	r.max_body = 1024;
	init_amqp_pool(&r.pool, 4096);
	buf_reserve(&r.in, 1);
	buf_add(&r.in, (const char *)data, size);
	while ((e = rmq_next(&r)) != RMQ_NONE && e != RMQ_CLOSED) {
		const struct rmq_message *m = &r.message;

		if (e != RMQ_MESSAGE && e != RMQ_RETURN)
			continue;
		if (m->too_large ? m->size <= r.max_body || m->body.n : m->body.n != m->size)
			abort();
		buf_clear(&json);
		amqpprops_to_json(&json, m->props);
		buf_slice(&json, m->exchange);
		buf_slice(&json, m->key);
		buf_slice(&json, m->reason);
		buf_slice(&json, m->body);
	}
	if ((e == RMQ_CLOSED) != (r.status != RMQ_OK))
		abort();
	rmq_close(&r);
	buf_free(&r.why);
	buf_free(&json);
	return 0;
}
