/* state - what the parts of amqp-pub's loop share: pub.c drives, outcome.c settles. */
#ifndef STATE_H
#define STATE_H

#include "bucket.h"
#include "letters.h"
#include "line.h"
#include "metrics.h"
#include "out.h"
#include "pub.h"
#include "window.h"

struct pub_counts {
	uint64_t lines, confirmed, resent, returned, refused, bad, bytes, connects, lost;
};

struct pub {
	const struct pub_options *o;
	struct pub_counts *counts;
	struct broker *broker;
	struct rmq rmq;
	const struct rmq_url *url;
	struct line_reader in;
	struct out acks;
	struct window window;
	struct letters letters;
	struct message message;
	struct buf why;
	struct bucket bucket;
	struct metrics_file metrics;
	uint64_t ack_tag;  /* highest that is done and not yet written; 0: none */
	bool connected, blocked, input_ended, failed;
	bool acks_gone;    /* nobody reads them any more */
	bool sent_before;  /* what waits in the window was sent on another connection */
	int code;
	int64_t retry_at, stop_at;
	int64_t input_due; /* acks_gone: when the input must have ended */
};

#endif
