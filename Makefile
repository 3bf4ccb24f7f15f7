# wsutils - GNU make, no configure. `make` builds, `make test` installs what is missing
# and runs everything, `make help` lists the targets.

VERSION := $(shell cat VERSION)
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share

B       ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
override CFLAGS   += -std=c11 $(WARN) -fno-common -MMD -MP
override CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Ilib

PROGS = $(notdir $(wildcard cmd/*))

LWS  = -lwebsockets
EV   = -lev
TLS  = -lssl -lcrypto
JQ   = -ljq
RMQ  = -lrabbitmq
JWT  = -ljwt -ljansson -lcrypto

all: $(PROGS:%=$(B)/%)

$(B)/ws-serve:   LDLIBS += $(LWS) $(EV) $(TLS)
$(B)/ws-connect: LDLIBS += $(LWS) $(TLS) -ledit
$(B)/ws-bench:   LDLIBS += $(TLS)
$(B)/ws-route:   LDLIBS += $(JQ)
$(B)/ws-route:   LDFLAGS += -rdynamic
$(B)/amqp-tap $(B)/amqp-pub:    LDLIBS += $(RMQ) $(TLS)
$(B)/jwt-check $(B)/jwt-sign:   LDLIBS += $(JWT)

objs = $(patsubst %.c,$(B)/%.o,$(sort $(wildcard $1/*.c)))
$(foreach p,$(PROGS),$(eval $(B)/$p: $(call objs,cmd/$p) $(B)/libwsutils.a))
$(PROGS:%=$(B)/%):
	$(CC) $(LDFLAGS) $(CFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS) -lm

# An archive: a program takes only the modules it calls, so amqp-tap never links
# libwebsockets.
$(B)/libwsutils.a: $(call objs,lib)
	rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c VERSION
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- tests ---

# One program a lib module; each prints TAP.
UNIT = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*.c))
unit: $(UNIT)
$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libwsutils.a
	$(CC) $(LDFLAGS) $(CFLAGS) -o $@ $^ $(UNITLIBS) -lm

clean:
	rm -rf build build-*

.PHONY: all unit clean
.SECONDARY:
