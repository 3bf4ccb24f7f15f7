/* notify - tell the service manager how it goes: sd_notify(3) without its library. */
#ifndef NOTIFY_H
#define NOTIFY_H

/* Send `state` ("READY=1") to the socket that NOTIFY_SOCKET names. Nothing happens
 * without one; a failure is not worth ending for and is ignored. */
void notify(const char *state);

/* "RELOADING=1" with the time, as services of Type=notify-reload must tell it. READY=1
 * ends it. */
void notify_reloading(void);

#endif
