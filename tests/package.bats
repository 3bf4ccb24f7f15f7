# The Debian package, built, looked at by lintian, installed and used.

# shellcheck disable=SC2016 # words for another shell

load lib/common

# run_installed SCRIPT: with the package installed over this system, in a mount namespace
# whose changes are gone afterwards.
run_installed() {
	unshare -m bash -euc '
		mount -t tmpfs tmpfs "$1"
		mkdir "$1/up" "$1/work" "$1/root"
		mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
		mount -t proc proc "$1/root/proc"
		mount --rbind /dev "$1/root/dev"
		cp "$2" "$1/root/wsutils.deb"
		chroot "$1/root" bash -euc "$3"' _ "$T/over" "$DEB" "$1"
}

@test "the Debian package passes lintian, installs, works, and goes without a trace" {
	[[ ${BIN##*/} != *san ]] || skip "built without sanitizers only"
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -m true 2> /dev/null || skip "no mount namespaces here"
	git -C "$ROOT" rev-parse 2> /dev/null || skip "not a git checkout"
	run -0 "$ROOT/.ci/deb"
	DEB=$ROOT/${lines[-1]}
	[ -s "$DEB" ]
	mkdir "$T/over"
	run -0 run_installed '
		dpkg -i wsutils.deb > /dev/null 2>&1
		cd /tmp
		echo "a secret of the smoke test, long enough" > secret
		jwt-sign --key-file secret --sub u1 --exp 1h | jwt-check --key-file secret | grep -q "\"user\":\"u1\""
		ws-replay --speed max /usr/share/doc/wsutils/examples/payments.ndjson |
			ws-route /usr/share/doc/wsutils/examples/gateway.routes | grep -c "\"to\""
		ws-serve 0 < /dev/null > events & server=$!
		until grep -q listen events; do sleep 0.05; done
		url=$(grep -o "ws://[^\"]*" events)
		echo "{\"type\":\"ping\"}" | ws-connect -m type=pong -n 1 "$url" | grep -c pong
		kill $server; wait $server
		for p in amqp-pub amqp-tap ws-bench ws-ctl; do /usr/bin/$p --version; done
		zcat /usr/share/man/man1/ws-serve.1.gz | head -n 3 | grep -c "Dt WS-SERVE 1"
		test -e /usr/share/bash-completion/completions/ws-serve
		test -e /lib/systemd/system/ws-serve@.service
		dpkg -r wsutils > /dev/null
		! test -e /usr/bin/ws-serve
		echo gone'
	[ "${lines[0]}" = "$(grep -c . "$ROOT/examples/payments.ndjson")" ]
	[ "${lines[1]}" = 1 ]
	[ "${lines[-2]}" = 1 ]
	[ "${lines[-1]}" = gone ]
}
