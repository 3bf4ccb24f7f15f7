#include "ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "mem.h"

struct ring {
	struct io_uring uring;
};

struct ring *
ring_new(void)
{
	/* Completions are looked for, so the kernel need not interrupt us for them. */
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	struct ring *r = mem_zero(1, sizeof(*r));
	int e = io_uring_queue_init_params(RING_DEPTH, &r->uring, &p);

	if (e < 0) {
		free(r);
		errno = -e;
		return NULL;
	}
	/* Saves a look-up at each call. Best effort: it works without. */
	(void)io_uring_register_ring_fd(&r->uring);
	return r;
}

void
ring_free(struct ring *r)
{
	if (r)
		io_uring_queue_exit(&r->uring);
	free(r);
}

bool
ring_run(struct ring *r, struct ring_send *list, unsigned n)
{
	unsigned left = n;

	for (unsigned i = 0; i < n; i++) {
		/* There is one for each: the ring is empty between calls. */
		struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);

		io_uring_prep_send(sqe, list[i].fd, list[i].p, list[i].n,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		io_uring_sqe_set_data(sqe, &list[i]);
		list[i].result = -EIO;
	}
	while (left) {
		int e = io_uring_submit_and_wait(&r->uring, left);
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0;

		io_uring_for_each_cqe(&r->uring, head, cqe) {
			struct ring_send *send = io_uring_cqe_get_data(cqe);

			send->result = cqe->res;
			seen++;
		}
		io_uring_cq_advance(&r->uring, seen);
		left -= seen;
		if (e < 0 && e != -EINTR)
			return !left;
	}
	return true;
}
