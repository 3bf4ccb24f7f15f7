/* pub - the loop of amqp-pub: lines in, messages out, confirms back. */
#ifndef PUB_H
#define PUB_H

#include "broker.h"
#include "message.h"
#include "num.h"

enum { PUB_WINDOW_BYTES = 64 << 20 }; /* of lines in the window, beside one line more */

struct pub_options {
	struct message_plan plan;
	bool mandatory, acks;
	int64_t window;           /* lines */
	int64_t max_line;         /* bytes */
	int64_t drain_ms;
	struct num_rate rate;     /* count 0: no limit */
	const char *dead_letter;
	const char *metrics_file;
};

/* Until the input has ended and all is settled; returns the exit code. */
int pub_run(const struct pub_options *o, struct broker *b);

/* --dry-run: write what would be sent as records, and connect nowhere. */
int pub_dry_run(const struct pub_options *o);

#endif
