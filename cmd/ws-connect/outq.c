#include "outq.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct outmsg *
outmsg_new(struct slice body, bool binary, bool ours)
{
	struct outmsg *m = mem_alloc(sizeof(*m) + body.n);

	*m = (struct outmsg){ .binary = binary, .ours = ours, .n = body.n };
	if (body.n)
		memcpy(m->p, body.p, body.n);
	return m;
}

void
outq_push(struct outq *q, struct outmsg *m)
{
	m->next = NULL;
	if (q->last)
		q->last->next = m;
	else
		q->first = m;
	q->last = m;
	q->count++;
	q->bytes += sizeof(*m) + m->n;
}

struct outmsg *
outq_pop(struct outq *q)
{
	struct outmsg *m = q->first;

	if (!m)
		return NULL;
	q->first = m->next;
	if (!q->first)
		q->last = NULL;
	q->count--;
	q->bytes -= sizeof(*m) + m->n;
	return m;
}

void
outq_prepend(struct outq *q, struct outq *head)
{
	struct outq tail = *q;

	*q = *head;
	*head = (struct outq){ 0 };
	for (struct outmsg *m; (m = outq_pop(&tail));)
		outq_push(q, m);
}

bool
outq_drop_oldest(struct outq *q)
{
	struct outq ours = { 0 };
	struct outmsg *m;

	while ((m = outq_pop(q)) && m->ours)
		outq_push(&ours, m);
	free(m);
	outq_prepend(q, &ours);
	return m != NULL;
}

void
outq_drop_ours(struct outq *q)
{
	struct outq all = *q;

	*q = (struct outq){ 0 };
	for (struct outmsg *m; (m = outq_pop(&all));) {
		if (m->ours)
			free(m);
		else
			outq_push(q, m);
	}
}

void
outq_free(struct outq *q)
{
	for (struct outmsg *m; (m = outq_pop(q));)
		free(m);
}
