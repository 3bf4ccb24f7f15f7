#include "proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "mem.h"
#include "num.h"

/* An address without brackets and port. */
static bool
parse_bare(struct slice s, struct peer_address *a)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char four[4];

	if (s.n == 0 || s.n >= sizeof text || memchr(s.p, '\0', s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET6, text, a->bytes) == 1)
		return true;
	if (inet_pton(AF_INET, text, four) != 1)
		return false;
	memset(a->bytes, 0, 10);
	memset(a->bytes + 10, 0xff, 2);
	memcpy(a->bytes + 12, four, 4);
	return true;
}

static bool
is_port(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.n > 0 && s.n <= 5;
}

bool
proxy_address(struct slice text, struct peer_address *a, struct slice *bare)
{
	*bare = text;
	if (text.n && text.p[0] == '[') {
		struct slice port = slice_from(text, 1);

		if (slice_find(port, ']') == port.n)
			return false;
		*bare = slice_cut(&port, ']');
		if (port.n && (port.p[0] != ':' || !is_port(slice_from(port, 1))))
			return false;
	} else if (slice_find(text, ':') < text.n) {
		struct slice port = text, host = slice_cut(&port, ':');

		/* One colon: IPv4 and a port. More: IPv6. */
		if (slice_find(port, ':') == port.n) {
			if (!is_port(port))
				return false;
			*bare = host;
		}
	}
	return parse_bare(*bare, a);
}

const char *
proxy_add(struct proxy *p, const char *text)
{
	struct slice bits = slice_str(text), address = slice_cut(&bits, '/');
	struct proxy_net net = { .bits = 128 };
	int64_t n;

	if (strcmp(text, "unix") == 0) {
		p->local = true;
		return NULL;
	}
	if (!parse_bare(address, &net.net))
		return "neither an address nor \"unix\"";
	if (strchr(text, '/')) {
		bool six = slice_find(address, ':') < address.n;

		if (bits.n == 0 || num_int(bits.p, &n) || n < 0 || n > (six ? 128 : 32))
			return "the number of bits is out of range";
		net.bits = (int)n + (six ? 0 : 96);
	}
	p->nets = mem_resize(p->nets, (size_t)p->count + 1, sizeof *p->nets);
	p->nets[p->count++] = net;
	return NULL;
}

void
proxy_free(struct proxy *p)
{
	free(p->nets);
	*p = (struct proxy){ 0 };
}

static bool
within(const struct proxy_net *net, const struct peer_address *a)
{
	int bytes = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->net.bytes, a->bytes, (size_t)bytes))
		return false;
	return rest == 0 || (net->net.bytes[bytes] ^ a->bytes[bytes]) >> (8 - rest) == 0;
}

bool
proxy_trusts(const struct proxy *p, const struct peer_address *a)
{
	for (int i = 0; i < p->count; i++) {
		if (within(&p->nets[i], a))
			return true;
	}
	return false;
}

bool
proxy_client(const struct proxy *p, struct slice forwarded, struct peer_address *a,
    struct slice *text)
{
	bool found = false;

	/* From the right: what stands left of an address that is not trusted was written by
	 * whoever has that address, and may be anything. */
	while (forwarded.n) {
		size_t at = forwarded.n;
		struct slice entry;

		while (at && forwarded.p[at - 1] != ',')
			at--;
		entry = slice_trim(slice_from(forwarded, at));
		forwarded.n = at ? at - 1 : 0;
		if (entry.n == 0)
			continue;
		if (!proxy_address(entry, a, text))
			return false;
		found = true;
		if (!proxy_trusts(p, a))
			break;
	}
	return found;
}
