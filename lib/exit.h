/* exit - the exit codes of all wsutils, the table of wsutils(7). */
#ifndef EXIT_H
#define EXIT_H

enum exit_code {
	EXIT_DONE = 0,      /* done as asked, an orderly end on request included */
	EXIT_NO = 1,        /* a truthful no: a token was refused, a requirement was not met */
	EXIT_USAGE = 2,     /* the caller's mistake: option, config, key, routes or rooms file */
	EXIT_PARTIAL = 3,   /* input read to its end, but some of it rejected or not delivered */
	EXIT_NETWORK = 4,   /* network or peer, worth retrying */
	EXIT_REFUSED = 5,   /* refused by the peer, not worth retrying */
	EXIT_HOST = 6,      /* this host: memory, files, output */
	EXIT_TIMEOUT = 124, /* --timeout or --idle-timeout ran out */
};

#endif
