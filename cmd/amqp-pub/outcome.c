#include "outcome.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "now.h"

/* Keep the line where dead letters go. Without such a file it is only reported, and the
 * tap that waits for its tag is told that it was not delivered. */
static void
give_up(struct pub *p, struct entry *e, const char *reason)
{
	e->state = ENTRY_DONE;
	e->refused = !letters_put(&p->letters, slice_of(e->line, e->n), e->number, reason);
}

static void
put_ack(struct pub *p, uint64_t tag, const char *more)
{
	buf_fmt(&p->acks.b, "{\"tag\":%llu%s}\n", (unsigned long long)tag, more);
}

void
outcome_release(struct pub *p)
{
	struct entry e;

	while (window_release(&p->window, &e)) {
		free(e.line);
		if (!p->o->acks || p->acks_gone || !e.tag)
			continue;
		if (e.refused) {
			if (p->ack_tag)
				put_ack(p, p->ack_tag, "");
			p->ack_tag = 0;
			put_ack(p, e.tag, ",\"requeue\":false");
		} else {
			p->ack_tag = e.tag;
		}
	}
}

static void
settle(struct pub *p, struct entry *e, bool taken)
{
	if (e->state != ENTRY_SENT)
		return;
	if (e->returned) {
		p->counts->returned++;
		give_up(p, e, "no queue took it");
	} else if (!taken) {
		p->counts->refused++;
		letters_tell(&p->letters, "the broker refused the message", (struct slice){ 0 },
		    (struct slice){ 0 }, e->number);
		give_up(p, e, "the broker refused the message");
	} else {
		p->counts->confirmed++;
		e->state = ENTRY_DONE;
	}
}

void
outcome_confirm(struct pub *p, bool taken)
{
	size_t i;

	if (!window_find(&p->window, p->rmq.tag, &i))
		return;
	settle(p, window_at(&p->window, i), taken);
	while (p->rmq.multiple && i-- > 0)
		settle(p, window_at(&p->window, i), taken);
}

/* A return names no tag. It comes before the confirm of its message, in the order of
 * sending, so the oldest one that is the same is meant. */
void
outcome_return(struct pub *p)
{
	const struct rmq_message *r = &p->rmq.message;

	for (size_t i = 0; i < p->window.n; i++) {
		struct entry *e = window_at(&p->window, i);
		struct message *m = &p->message;

		buf_clear(&p->why);
		if (e->state != ENTRY_SENT || e->returned
			|| message_make(&p->o->plan, slice_of(e->line, e->n), m, &p->why) != MESSAGE_OK
			|| !slice_eq(m->exchange, r->exchange) || !slice_eq(m->key, r->key)
			|| !slice_eq(m->body, r->body))
			continue;
		e->returned = r->code ? r->code : 1;
		letters_tell(&p->letters, "no queue took the message", r->exchange, r->key, e->number);
		return;
	}
}

void
outcome_reject(struct pub *p, struct entry *e)
{
	p->counts->bad++;
	msg_error("line %llu: %s", (unsigned long long)e->number, buf_cstr(&p->why));
	give_up(p, e, p->why.p);
}

bool
outcome_too_large(struct pub *p)
{
	const char *at = p->rmq.why.p ? strstr(p->rmq.why.p, "message size ") : NULL;
	unsigned long long size = at ? strtoull(at + strlen("message size "), NULL, 10) : 0;

	if (p->rmq.code != AMQP_PRECONDITION_FAILED || !size || !strstr(at, "larger than"))
		return false;
	for (size_t i = 0; i < p->window.n; i++) {
		struct entry *e = window_at(&p->window, i);

		buf_clear(&p->why);
		if (e->state == ENTRY_SENT && message_make(&p->o->plan, slice_of(e->line, e->n),
			    &p->message, &p->why) == MESSAGE_OK && p->message.body.n == size) {
			p->counts->refused++;
			msg_warn("line %llu: the message is too large for the broker: %s",
			    (unsigned long long)e->number, p->rmq.why.p);
			give_up(p, e, "the message is too large for the broker");
			return true;
		}
	}
	return false;
}

void
outcome_acks_gone(struct pub *p)
{
	p->acks_gone = true;
	p->input_due = now_ms() + PUB_END_MS;
	p->ack_tag = 0;
	out_free(&p->acks);
}

void
outcome_input_due(struct pub *p)
{
	struct pollfd in = { .fd = p->in.fd, .events = POLLIN };

	if (poll(&in, 1, 0) < 1 || !(in.revents & POLLHUP))
		out_sigpipe();
	p->input_due = INT64_MAX;
}

void
outcome_write_acks(struct pub *p)
{
	int pushed;

	do {
		if (p->ack_tag && !out_pending(&p->acks)) {
			put_ack(p, p->ack_tag, "");
			p->ack_tag = 0;
		}
		pushed = out_push(&p->acks);
	} while (pushed == 1 && p->ack_tag);
	if (pushed < 0) {
		if (p->acks.error != EPIPE)
			out_die(&p->acks, "standard output");
		outcome_acks_gone(p);
	}
}
