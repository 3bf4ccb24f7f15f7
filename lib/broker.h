/* broker - which broker amqp-tap and amqp-pub talk to, and how: the options of both, the
 * list of URLs, tried in turn, and the delays between attempts. Ends the program, with
 * one line, for mistakes in the options only. */
#ifndef BROKER_H
#define BROKER_H

#include "backoff.h"
#include "opt.h"
#include "rmq.h"

struct broker_options {
	struct opt_list urls;
	const char *url_file, *user, *password_file, *cacert, *cert, *key;
	bool insecure, external;
	int64_t heartbeat_ms;
	int64_t reconnect; /* attempts in a row; -1: for ever */
	int64_t delay_min_ms, delay_max_ms;
};

#define BROKER_DEFAULTS \
	{ .heartbeat_ms = 30000, .reconnect = -1, .delay_min_ms = 1000, .delay_max_ms = 30000 }

/* The entries of an option table for a struct broker_options. */
#define BROKER_OPTIONS(o) \
	{ .kind = OPT_TITLE, .help = "Connection:" }, \
	{ .name = "cacert", .kind = OPT_STRING, .var = &(o).cacert, .arg = "FILE", \
	  .help = "authorities to trust, PEM (those of the system)" }, \
	{ .name = "cert", .kind = OPT_STRING, .var = &(o).cert, .arg = "FILE", \
	  .help = "client certificate, PEM" }, \
	{ .name = "external", .kind = OPT_FLAG, .var = &(o).external, \
	  .help = "log in with the client certificate (SASL EXTERNAL)" }, \
	{ .name = "heartbeat", .kind = OPT_DURATION, .var = &(o).heartbeat_ms, .arg = "TIME", \
	  .max = 65535000, .help = "interval of heartbeats, whole seconds; 0: none (30s)" }, \
	{ .name = "insecure", .letter = 'k', .kind = OPT_FLAG, .var = &(o).insecure, \
	  .help = "do not check the broker's certificate" }, \
	{ .name = "key", .kind = OPT_STRING, .var = &(o).key, .arg = "FILE", \
	  .help = "key of the client certificate, PEM (in --cert)" }, \
	{ .name = "password-file", .kind = OPT_STRING, .var = &(o).password_file, .arg = "FILE", \
	  .help = "read the password from FILE" }, \
	{ .name = "reconnect", .kind = OPT_CALL, .call = broker_set_reconnect, .var = &(o), \
	  .arg = "N", .flags = OPT_OPTIONAL, \
	  .help = "attempts in a row to connect again, or forever (forever)" }, \
	{ .name = "reconnect-delay", .kind = OPT_CALL, .call = broker_set_delay, .var = &(o), \
	  .arg = "TIME..TIME", .help = "first and longest wait between attempts (1s..30s)" }, \
	{ .name = "url", .letter = 'u', .kind = OPT_CALL, .call = opt_append, .var = &(o).urls, \
	  .arg = "URL", .flags = OPT_ORDERED, .help = "broker; several are tried in turn" }, \
	{ .name = "url-file", .kind = OPT_STRING, .var = &(o).url_file, .arg = "FILE", \
	  .help = "read the URLs from FILE" }, \
	{ .name = "user", .kind = OPT_STRING, .var = &(o).user, .arg = "NAME", \
	  .help = "log in as NAME (that of the URL, else guest)" }

const char *broker_set_reconnect(const struct opt *opt, const char *value);
const char *broker_set_delay(const struct opt *opt, const char *value);

struct broker {
	struct rmq_url *urls;
	size_t n, next;
	struct rmq_config config;
	struct backoff backoff;
	int64_t attempts_left, attempts; /* -1: for ever */
	bool told;                       /* of this outage */
	struct buf password;
	uint64_t random;
};

/* An attempt is given up when `stop` says so: sig_stopping, or sig_drained for a tool that
 * has work to finish after the signal. URLs come from -u, else --url-file, else the
 * environment: PROGRAM_URL (AMQP_TAP_URL), else AMQP_URL, else amqp://localhost. Several
 * stand behind each other, with blanks or commas between. The password comes from --password-file, else AMQP_PASSWORD, else the
 * URL. max_body: RMQ_MESSAGE bodies over it are not kept. */
void broker_init(struct broker *b, const struct broker_options *o, size_t max_body,
    bool (*stop)(void));

/* One attempt at each URL, beginning with the next, until one answers. On RMQ_OK *which
 * is the one, for messages; on RMQ_RETRY the reason has been told (once an outage, then
 * with -v). */
enum rmq_status broker_connect(struct broker *b, struct rmq *r, const struct rmq_url **which);

/* Milliseconds to wait before the next round; -1 when there were enough attempts. */
int64_t broker_delay(struct broker *b);

/* The connection has been good: begin the count and the delays again. */
void broker_settled(struct broker *b);

void broker_free(struct broker *b);

#endif
