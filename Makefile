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

# One short line a file; V=1 shows the commands.
ifndef V
Q = @echo '  $(notdir $@)';
endif
JOBS = -j$(shell nproc)

PROGS = $(notdir $(wildcard cmd/*))

LWS  = -lwebsockets
EV   = -lev
URING = -luring
TLS  = -lssl -lcrypto
JQ   = -ljq
RMQ  = -lrabbitmq
JWT  = -ljwt -ljansson -lcrypto

all: $(PROGS:%=$(B)/%)

$(B)/ws-serve:   LDLIBS += $(LWS) $(EV) $(URING) $(TLS) -lz
$(B)/ws-connect: LDLIBS += $(LWS) $(TLS) -ledit
$(B)/ws-bench:   LDLIBS += $(TLS)
$(B)/ws-route:   LDLIBS += $(JQ)
$(B)/ws-route:   LDFLAGS += -rdynamic
$(B)/amqp-tap $(B)/amqp-pub:    LDLIBS += $(RMQ) $(TLS)
$(B)/jwt-check $(B)/jwt-sign:   LDLIBS += $(JWT)

objs = $(patsubst %.c,$(B)/%.o,$(sort $(wildcard $1/*.c)))
$(foreach p,$(PROGS),$(eval $(B)/$p: $(call objs,cmd/$p) $(B)/libwsutils.a))
$(PROGS:%=$(B)/%):
	$(Q)$(CC) $(LDFLAGS) $(CFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS) -lm

# An archive: a program takes only the modules it calls, so amqp-tap never links
# libwebsockets.
$(B)/libwsutils.a: $(call objs,lib)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c VERSION
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

#: make               build all programs, in build/
#: make demo          a gateway fed from a recording; Ctrl-C ends it
#: make test          install what is missing, build, run all tests
#: make check         the same without installing; TESTS=FILE for one file
#: make check-san     the same under ASan and UBSan
#: make soak          the long tests; SOAK=FILE for one file, SOAK_SECONDS=60 a flood
#: make soak-san      the same under ASan and UBSan
#: make fuzz          the fuzz targets; FUZZ=NAME for one, FUZZ_SECONDS=N each
#: make lint          shellcheck, mandoc and cppcheck
#: make bench         the benchmarks; BENCH=NAME for one
#: make deps-bench    install the servers that they compare with
#: make completions   write completions/ anew
#: make install       PREFIX=/usr/local DESTDIR= ; make uninstall undoes it
#: make dist          dist/wsutils-VERSION.tar.gz
#: make deb           dist/wsutils_VERSION_ARCH.deb
#: make deps          install the Debian packages that are missing
#: make clean         remove what was built
help:
	@sed -n 's/^#: //p' Makefile

# --- Debian packages ---

BUILD_DEPS = gcc libc6-dev libwebsockets-dev libwebsockets-evlib-ev libev-dev libssl-dev \
	libjq-dev librabbitmq-dev libjwt-dev libjansson-dev libedit-dev liburing-dev zlib1g-dev
TEST_DEPS = bats parallel git procps iproute2 curl jq socat openssl rabbitmq-server \
	nginx-light nodejs node-ws python3 python3-websockets chromium chromium-driver zsh \
	fish dpkg-dev fakeroot lintian mandoc shellcheck cppcheck

# Install what is missing; stops with 2 where that cannot be done.
deps:
	@tests/deps $(BUILD_DEPS) $(TEST_DEPS)
deps-build:
	@tests/deps $(BUILD_DEPS)
deps-fuzz:
	@tests/deps $(BUILD_DEPS) clang libclang-rt-14-dev
# What is compared; without them a benchmark says what it skips. Not by `make bench`
# itself, since Debian starts the servers among them.
deps-bench:
	@tests/deps $(BUILD_DEPS) procps jq rabbitmq-server amqp-tools gojq nodejs npm node-ws \
		python3 python3-websockets libnginx-mod-nchan nats-server mosquitto

# --- seeing it work ---

# The gateway fed from a recording, until Ctrl-C or for DEMO_SECONDS.
demo: deps-build
	@$(MAKE) --no-print-directory $(JOBS) -s all
	@DEMO_SECONDS=$(DEMO_SECONDS) examples/demo.sh

# --- tests ---

# One program a lib module; each prints TAP.
UNIT = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*.c))
SAN  = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined

$(B)/tests/unit/rmq: UNITLIBS += $(RMQ) $(TLS)
$(B)/tests/unit/tok: UNITLIBS += $(JWT)
$(B)/tests/unit/jqx: UNITLIBS += $(JQ)
$(B)/tests/unit/jqx: LDFLAGS += -rdynamic
$(B)/tests/unit/ws-bench $(B)/tests/unit/ws-connect: UNITLIBS += $(TLS)
$(B)/tests/unit/ring: UNITLIBS += $(URING)
$(B)/tests/unit/pack: UNITLIBS += -lz
$(B)/tests/unit/conn_lws: UNITLIBS += $(LWS) $(EV)
$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libwsutils.a
	$(CC) $(LDFLAGS) $(CFLAGS) -o $@ $(filter %.o %.a,$^) $(UNITLIBS) -lm

test: deps
	@$(MAKE) --no-print-directory $(JOBS) check

check: all $(UNIT)
	@BIN=$(B) tests/run $(UNIT) -- $(or $(TESTS),tests)

check-san:
	@$(MAKE) --no-print-directory $(JOBS) check B=build-san CFLAGS='$(SAN)'

# The long runs: kills, floods, storms, one after the other, since each wants the machine.
# SOAK=FILE for one of them.
soak: all $(B)/tests/heap.so
	@BIN=$(B) JOBS=$(or $(SOAK_JOBS),1) tests/run -- $(or $(SOAK),$(wildcard tests/soak/*.bats))

soak-san:
	@$(MAKE) --no-print-directory $(JOBS) soak B=build-san CFLAGS='$(SAN)'

$(B)/tests/heap.so: tests/lib/heap.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

# Each target in tests/fuzz for FUZZ_SECONDS; FUZZ=NAME for one of them. A target's first
# comment may name more sources than lib/: /* sources: cmd/ws-serve/request.c */
FUZZ ?= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZERS = $(FUZZ:%=$(B)/fuzz/%)
# Without pointer-overflow: clang takes NULL + 0, an empty slice, for one.
FUZZ_SAN = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined
FUZZ_CHECKS = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=pointer-overflow
fuzz_sources = $(shell sed -n '1{/sources:/!q}; /\*\/$$/{s|..$$||; s|.*sources:||; s|^ \*||; p; q}; s|.*sources:||; s|^ \*||; p' $1)

fuzz: deps-fuzz
	@$(MAKE) --no-print-directory -s fuzzers B=build-fuzz CC=clang \
		CFLAGS='$(FUZZ_SAN) $(FUZZ_CHECKS)'
	@tests/fuzz/run $(FUZZ:%=$(CURDIR)/build-fuzz/fuzz/%)

fuzzers: $(FUZZERS)
$(B)/fuzz/jwt $(B)/fuzz/jwks: LDLIBS += $(JWT)
$(B)/fuzz/deflate $(B)/fuzz/door $(B)/fuzz/serve: LDLIBS += -lz
# Linked as an archive, so that what a target defines itself stands in for a file of it.
$(B)/fuzz/door $(B)/fuzz/serve: $(B)/fuzz/libserve.a
$(B)/fuzz/libserve.a: $(filter-out %/main.o,$(call objs,cmd/ws-serve))
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/fuzz/door: LDLIBS += $(LWS) $(EV) $(URING) $(TLS)
$(B)/fuzz/message: LDLIBS += $(RMQ) $(TLS)
$(B)/fuzz/pass: LDLIBS += $(JQ)
$(B)/fuzz/pass: LDFLAGS += -rdynamic
$(B)/fuzz/rmq: LDLIBS += $(RMQ) $(TLS)
$(B)/fuzz/ws-bench $(B)/fuzz/ws-bench-wire $(B)/fuzz/ws-connect: LDLIBS += $(TLS)
$(FUZZERS): $(B)/fuzz/%: tests/fuzz/%.c $(B)/libwsutils.a $(wildcard cmd/*/*.[ch] tests/fuzz/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(LDFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) -fsanitize=fuzzer -o $@ $< \
		$(call fuzz_sources,$<) $(filter %/libserve.a,$^) $(B)/libwsutils.a $(LDLIBS) -lm

lint:
	@tests/lint

bench: all
	@BIN=$(B) tests/bench/run $(BENCH)

# The shells' completions come from the option tables.
completions: all
	PATH=$(abspath $(B)):$$PATH completions/generate $(PROGS)

# --- installing ---

MANS = $(wildcard man/*.[157])

# bash and fish look for a file of the command's name.
BASH_COMPLETIONS = $(DATADIR)/bash-completion/completions
ZSH_COMPLETIONS  = $(DATADIR)/zsh/site-functions
FISH_COMPLETIONS = $(DATADIR)/fish/vendor_completions.d

install: all
	install -d $(DESTDIR)$(BINDIR)
	install -m 755 $(PROGS:%=$(B)/%) $(DESTDIR)$(BINDIR)
	for m in $(MANS); do \
		d=$(DESTDIR)$(MANDIR)/man$${m##*.}; install -d $$d && install -m 644 $$m $$d || exit; done
	install -Dm 644 completions/wsutils.bash $(DESTDIR)$(BASH_COMPLETIONS)/wsutils
	install -Dm 644 completions/_wsutils $(DESTDIR)$(ZSH_COMPLETIONS)/_wsutils
	install -Dm 644 completions/wsutils.fish $(DESTDIR)$(FISH_COMPLETIONS)/wsutils.fish
	for p in $(PROGS); do \
		ln -sf wsutils $(DESTDIR)$(BASH_COMPLETIONS)/$$p && \
		ln -sf wsutils.fish $(DESTDIR)$(FISH_COMPLETIONS)/$$p.fish || exit; done

uninstall:
	rm -f $(PROGS:%=$(DESTDIR)$(BASH_COMPLETIONS)/%) $(DESTDIR)$(BASH_COMPLETIONS)/wsutils
	rm -f $(PROGS:%=$(DESTDIR)$(FISH_COMPLETIONS)/%.fish) $(DESTDIR)$(FISH_COMPLETIONS)/wsutils.fish
	rm -f $(DESTDIR)$(ZSH_COMPLETIONS)/_wsutils
	rm -f $(PROGS:%=$(DESTDIR)$(BINDIR)/%)
	for m in $(notdir $(MANS)); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$$m; done

dist:
	mkdir -p dist
	git archive --prefix=wsutils-$(VERSION)/ -o dist/wsutils-$(VERSION).tar.gz HEAD

deb:
	@tests/deps $(BUILD_DEPS) dpkg-dev fakeroot lintian
	@.ci/deb

clean:
	rm -rf build build-* dist

.PHONY: completions all help deps deps-build deps-fuzz deps-bench demo test check check-san soak soak-san lint bench fuzz fuzzers install uninstall dist deb clean
.SECONDARY:
