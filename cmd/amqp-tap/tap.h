/* tap - the loop of amqp-tap: deliveries in, lines out, acknowledgements back. */
#ifndef TAP_H
#define TAP_H

#include "broker.h"
#include "rec.h"
#include "topology.h"

enum tap_ack {
	TAP_WRITE, /* after the line was written in full */
	TAP_STDIN, /* when stdin says so */
	TAP_NONE,  /* the broker waits for none */
	TAP_HOLD,  /* never: the queue is looked at, and stays as it was */
};

struct tap_options {
	enum tap_ack ack;
	int form;          /* enum rec_form */
	int64_t max_line;  /* bytes */
	int64_t count;     /* 0: no limit */
	int64_t duration_ms, timeout_ms, idle_ms; /* 0: no limit */
	int64_t drain_ms;
	const char *metrics_file;
};

/* Until one of the ends; returns the exit code. */
int tap_run(const struct tap_options *o, struct topology *t, struct broker *b);

#endif
