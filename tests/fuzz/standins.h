/* standins - what stands in for libev and for the parts of ws-serve that hold its process
 * together, so that a target runs the rest without sockets and does the same each time. */
#ifndef STANDINS_H
#define STANDINS_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../cmd/ws-serve/control.h"
#include "../../cmd/ws-serve/events.h"
#include "../../cmd/ws-serve/handler.h"
#include "../../cmd/ws-serve/inbox.h"
#include "../../cmd/ws-serve/life.h"
#include "../../cmd/ws-serve/server.h"
#include "fuzz.h"

enum { WATCHERS = 32 };

/* --- libev, with a clock of ours --- */

static double now_s;
static struct ev_timer *timers[WATCHERS];
static struct ev_prepare *prepares[WATCHERS];
static struct ev_idle *idles[WATCHERS];

/* Put w on a list, or take it off. */
#define LIST(list, w, on) \
	do { \
		int at_ = 0; \
		if (!(w)->active == !(on)) \
			return; \
		(w)->active = (on); \
		while (at_ < WATCHERS && list[at_] != ((on) ? NULL : (w))) \
			at_++; \
		need(at_ < WATCHERS); \
		list[at_] = (on) ? (w) : NULL; \
	} while (0)

ev_tstamp ev_now(struct ev_loop *loop) EV_NOEXCEPT { (void)loop; return now_s; }
ev_tstamp ev_time(void) EV_NOEXCEPT { return now_s; }
void ev_io_start(struct ev_loop *loop, ev_io *w) EV_NOEXCEPT { (void)loop; w->active = 1; }
void ev_io_stop(struct ev_loop *loop, ev_io *w) EV_NOEXCEPT { (void)loop; w->active = 0; }
void ev_idle_start(struct ev_loop *loop, ev_idle *w) EV_NOEXCEPT { (void)loop; LIST(idles, w, 1); }
void ev_idle_stop(struct ev_loop *loop, ev_idle *w) EV_NOEXCEPT { (void)loop; LIST(idles, w, 0); }
void ev_prepare_start(struct ev_loop *loop, ev_prepare *w) EV_NOEXCEPT { (void)loop; LIST(prepares, w, 1); }
void ev_prepare_stop(struct ev_loop *loop, ev_prepare *w) EV_NOEXCEPT { (void)loop; LIST(prepares, w, 0); }
void ev_timer_stop(struct ev_loop *loop, ev_timer *w) EV_NOEXCEPT { (void)loop; LIST(timers, w, 0); }

void
ev_timer_start(struct ev_loop *loop, ev_timer *w) EV_NOEXCEPT
{
	(void)loop;
	if (!w->active)
		w->at += now_s;
	LIST(timers, w, 1);
}

/* What is due, and what runs each turn. */
static inline void
run_loop(void)
{
	for (int i = 0; i < WATCHERS; i++) {
		struct ev_timer *w = timers[i];

		if (w && w->at <= now_s) {
			ev_timer_stop(NULL, w);
			w->cb(NULL, w, EV_TIMER);
		}
	}
	for (int i = 0; i < WATCHERS; i++)
		if (idles[i])
			idles[i]->cb(NULL, idles[i], EV_IDLE);
	for (int i = 0; i < WATCHERS; i++)
		if (prepares[i])
			prepares[i]->cb(NULL, prepares[i], EV_PREPARE);
}

/* --- ws-serve --- */

/* Nothing is written to stdout. */
static void never(struct server *s) { (void)s; abort(); }
static const struct event_ops event_ops = { .room = inbox_resume, .failed = never, .unread = never };

void life_conn_gone(struct server *s) { (void)s; }
bool life_draining(const struct server *s) { (void)s; return false; }
uint64_t handler_lost(const struct server *s) { (void)s; return 0; }
void server_timestamp(char out[25]) { memcpy(out, "2026-12-10T10:30:00.000Z", 25); }

struct control_stats
control_stats(const struct server *s)
{
	(void)s;
	return (struct control_stats){ 0 };
}

#endif
