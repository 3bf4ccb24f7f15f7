/* Sends by io_uring: cmd/ws-serve/ring.c. */
#include "unit.h"

#include <sys/socket.h>

#include "../../cmd/ws-serve/ring.c"

static struct ring *ring;

/* A pair of which both ends hold little. */
static void
make_pair(int pair[2])
{
	int small = 1; /* the kernel makes its least of it */

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		abort();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
}

static void
close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

TEST(each_send_goes_to_its_socket)
{
	struct ring_send list[RING_DEPTH];
	static char words[RING_DEPTH][16];
	int pairs[RING_DEPTH][2];
	char got[8];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RING_DEPTH; i++) {
			make_pair(pairs[i]);
			snprintf(words[i], sizeof(words[i]), "%03d", i);
			list[i] = (struct ring_send){ .fd = pairs[i][0], .p = words[i], .n = 3 };
		}
		CHECK(ring_run(ring, list, RING_DEPTH));
		for (int i = 0; i < RING_DEPTH; i++) {
			CHECK(list[i].result == 3);
			CHECK(read(pairs[i][1], got, sizeof(got)) == 3 && !memcmp(got, words[i], 3));
			close_pair(pairs[i]);
		}
	}
}

TEST(a_full_socket_holds_nobody_up)
{
	static const char much[1 << 20];
	struct ring_send list[3];
	int full[2], empty[2];

	make_pair(full);
	make_pair(empty);
	list[0] = (struct ring_send){ .fd = full[0], .p = much, .n = sizeof(much) };
	list[1] = (struct ring_send){ .fd = empty[0], .p = "a", .n = 1 };
	CHECK(ring_run(ring, list, 2));
	CHECK(list[0].result > 0 && list[0].result < (int)sizeof(much));
	CHECK(list[1].result == 1);
	list[0] = (struct ring_send){ .fd = full[0], .p = "b", .n = 1 };
	list[1] = (struct ring_send){ .fd = empty[0], .p = "b", .n = 1 };
	CHECK(ring_run(ring, list, 2));
	CHECK(list[0].result == -EAGAIN);
	CHECK(list[1].result == 1);
	close_pair(full);
	close_pair(empty);
}

TEST(a_peer_that_has_gone_and_a_descriptor_that_is_none_are_errors_of_their_own)
{
	struct ring_send list[3];
	int gone[2], here[2], none;

	make_pair(gone);
	make_pair(here);
	close(gone[1]);
	none = dup(here[0]);
	close(none);
	list[0] = (struct ring_send){ .fd = gone[0], .p = "a", .n = 1 };
	list[1] = (struct ring_send){ .fd = none, .p = "a", .n = 1 };
	list[2] = (struct ring_send){ .fd = here[0], .p = "a", .n = 1 };
	CHECK(ring_run(ring, list, 3));
	CHECK(list[0].result == -EPIPE);
	CHECK(list[1].result == -EBADF);
	CHECK(list[2].result == 1);
	close(gone[0]);
	close_pair(here);
}

int
main(void)
{
	ring = ring_new();
	if (!ring) {
		printf("1..1\nok 1 # skip no io_uring here: %s\n", strerror(errno));
		return 0;
	}
	RUN(each_send_goes_to_its_socket);
	RUN(a_full_socket_holds_nobody_up);
	RUN(a_peer_that_has_gone_and_a_descriptor_that_is_none_are_errors_of_their_own);
	ring_free(ring);
	return unit_done();
}
