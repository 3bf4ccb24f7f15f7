/* closecode - what a close code means for a client. Pure. */
#ifndef CLOSECODE_H
#define CLOSECODE_H

enum closing {
	CLOSE_ORDERLY, /* 1000, and 1005: no code at all */
	CLOSE_RETRY,   /* may work later: 1001, 1006, 1011 to 1014, most of 3000 to 4999 */
	CLOSE_TOKEN,   /* 4001: may work with another token */
	CLOSE_FINAL,   /* 1002, 1003, 1007 to 1010, 4003 */
};

enum closing closecode_means(unsigned code);

/* The name that goes with a code of RFC 6455 7.4.1, or NULL. */
const char *closecode_name(unsigned code);

#endif
