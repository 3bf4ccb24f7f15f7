#include "closecode.h"

#include <stddef.h>

enum closing
closecode_means(unsigned code)
{
	switch (code) {
	case 1000:
	case 1005:
		return CLOSE_ORDERLY;
	case 1002:
	case 1003:
	case 1007:
	case 1008:
	case 1009:
	case 1010:
	case 4003:
		return CLOSE_FINAL;
	case 4001:
		return CLOSE_TOKEN;
	default:
		return CLOSE_RETRY;
	}
}

const char *
closecode_name(unsigned code)
{
	switch (code) {
	case 1000:
		return "normal";
	case 1001:
		return "going away";
	case 1002:
		return "protocol error";
	case 1003:
		return "unsupported data";
	case 1005:
		return "no code";
	case 1006:
		return "connection lost";
	case 1007:
		return "invalid data";
	case 1008:
		return "policy violation";
	case 1009:
		return "message too big";
	case 1010:
		return "extension missing";
	case 1011:
		return "server error";
	case 1012:
		return "service restart";
	case 1013:
		return "try again later";
	case 1014:
		return "bad gateway";
	default:
		return NULL;
	}
}
