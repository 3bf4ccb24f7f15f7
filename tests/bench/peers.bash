# peers.bash - what the benchmarks share that put the same load on several servers: start
# one, put load (load/) on it, stop it, and print the medians of the rounds beside each
# other. To be sourced in the project's folder.
#
# The server has one processor and the client another, so that neither takes time from the
# other. What counts is work for each second of processor time of the server, all threads:
# it is steady where others are at work. floor.c is the least that a server can be, which
# is the harness's own limit; "client" is what share of its processor the client took.
#
# shellcheck shell=bash disable=SC2034 # some variables are for the scripts

BIN=${BIN:-build} ROUNDS=${ROUNDS:-3} SECS=${SECS:-1.5}
PEERS=${PEERS:-floor ws-serve nats nchan node-ws socketio mosquitto python}
NCHAN=${NCHAN:-/usr/lib/nginx/modules/ngx_nchan_module.so}
PATH=$PATH:/usr/sbin
NODE_PATH=$(realpath -m "$BIN")/npm/node_modules:/usr/share/nodejs
export NODE_PATH
make -s B="$BIN" "$BIN/libwsutils.a" "$BIN/ws-serve" || exit 2
ulimit -n "$(ulimit -Hn)"
work=$(mktemp -d)
server="" port="" feed="" # of the server that runs: its process, port, and where to publish
trap 'stop; rm -rf "$work"' EXIT

cc=("${CC:-cc}" -std=c11 -O2 -Wall -Wextra -D_GNU_SOURCE '-DVERSION="0"' -Ilib)
"${cc[@]}" -o "$work/load" tests/bench/load/*.c "$BIN/libwsutils.a" -lm || exit 2
"${cc[@]}" -o "$work/floor" tests/bench/floor.c "$BIN/libwsutils.a" -lcrypto || exit 2

# taskset becomes what it starts, so that $! is the program itself.
server_core=() client_core=()
(($(nproc) > 1)) && server_core=(taskset -c 0) client_core=(taskset -c 1)

# missing PEER: why it cannot be measured here; nothing when it can.
missing() {
	case $1 in
	node-ws) node -e 'require("ws")' 2> "$work/why" || echo "no node with ws (Debian: nodejs, node-ws)" ;;
	socketio)
		command -v npm > "$work/why" || { echo "no npm"; return; }
		[[ -d $BIN/npm/node_modules/socket.io ]] ||
			npm install --silent --no-audit --no-fund --prefix "$BIN/npm" socket.io > "$work/why" 2>&1 ||
			echo "npm cannot install socket.io"
		;;
	nchan) [[ -f $NCHAN ]] && command -v nginx > "$work/why" || echo "no nginx with nchan (Debian: libnginx-mod-nchan)" ;;
	nats) command -v nats-server > "$work/why" || echo "no nats-server (Debian: nats-server)" ;;
	mosquitto) command -v mosquitto > "$work/why" || echo "no mosquitto (Debian: mosquitto)" ;;
	python) /usr/bin/python3 -c 'import websockets' 2> "$work/why" || echo "no python3-websockets" ;;
	esac
}

# Drop from PEERS what is missing, and say so. As one of the first things.
choose_peers() {
	local peer why kept=""
	for peer in $PEERS; do
		why=$(missing "$peer")
		if [[ $why ]]; then echo "skip $peer: $why"; else kept+=" $peer"; fi
	done
	PEERS=$kept
	echo "/CPU s: for each second of the server's processor time; server, client: the share of"
	echo "its processor that each took"
}

# Below those that the kernel gives to clients: theirs come and go.
free_ports() { # COUNT
	/usr/bin/python3 -c 'import random, socket, sys
ports = []
while len(ports) < int(sys.argv[1]):
    port = random.randrange(20000, 32768)
    try: socket.create_server(("127.0.0.1", port)).close()
    except OSError: continue
    ports.append(port)
print(*ports)' "$1"
}

nginx_conf() {
	cat <<-CONF
		load_module $NCHAN;
		daemon off; master_process off; worker_rlimit_nofile $(ulimit -n);
		pid $work/nginx.pid; error_log $work/nginx.err crit;
		events { worker_connections $(($(ulimit -n) - 100)); }
		http {
			access_log off; client_body_temp_path $work; proxy_temp_path $work;
			fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;
			keepalive_requests 1000000000; nchan_shared_memory_size 512M; nchan_message_buffer_length 1000;
			server {
				listen 127.0.0.1:$port backlog=4096;
				location ~ ^/sub/(\w+)$ { nchan_subscriber websocket; nchan_channel_id \$1; nchan_subscriber_first_message newest; }
				location ~ ^/pub/(\w+)$ { nchan_publisher http; nchan_channel_id \$1; }
				location ~ ^/both/(\w+)$ { nchan_pubsub websocket; nchan_channel_id \$1; nchan_subscriber_first_message newest; }
			}
		}
	CONF
}

# begin COMMAND...: start a server, its stdin a FIFO that we keep open.
begin() {
	rm -f "$work/in"
	mkfifo "$work/in"
	: > "$work/out"
	"${server_core[@]}" "$@" < "$work/in" > "$work/out" 2> "$work/err" &
	server=$!
	exec 8> "$work/in"
}

# The port that a server prints, ours in its listen event.
printed_port() { sed -n 's/.*"url":"ws:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p; s/^\([0-9]*\)$/\1/p' "$work/out" | head -n 1; }

# launch PEER [OPTION...]: start it and wait until it takes connections. Options are for
# ws-serve, as is $rule, a line of its rooms file.
launch() {
	local peer=$1
	shift
	port="" feed=""
	case $peer in
	floor)
		begin "$work/floor"
		feed=$work/in
		;;
	ws-serve)
		echo "${rule:-* publish relay anyone}" > "$work/rooms"
		begin "$BIN/ws-serve" --rooms "$work/rooms" --message-rate 0 "$@" 127.0.0.1:0
		feed=$work/in
		;;
	node-ws | socketio) begin node "tests/bench/peers/$peer.js" ;;
	python) begin /usr/bin/python3 tests/bench/peers/python.py ;;
	nchan)
		port=$(free_ports 1)
		nginx_conf > "$work/nginx.conf"
		begin nginx -p "$work" -c "$work/nginx.conf"
		;;
	nats)
		read -r port feed < <(free_ports 2)
		echo "listen: '127.0.0.1:$feed', websocket { listen: '127.0.0.1:$port', no_tls: true }" > "$work/nats.conf"
		begin nats-server -c "$work/nats.conf"
		;;
	mosquitto)
		read -r port feed < <(free_ports 2)
		printf '%s\n' 'allow_anonymous true' "listener $feed 127.0.0.1" \
			"listener $port 127.0.0.1" 'protocol websockets' > "$work/mosquitto.conf"
		begin mosquitto -c "$work/mosquitto.conf"
		;;
	esac
	for _ in {1..500}; do
		[[ $port ]] || port=$(printed_port)
		[[ $port ]] && (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> "$work/why" && break
		sleep 0.02
	done
}

stop() {
	[[ $server ]] || return
	exec 8>&-
	kill "$server" 2> "$work/why"
	wait "$server" 2> "$work/why" || true # ended by the signal
	server=""
}

# put_load NAME PEER OPTION...: what `load` prints of this round, into the file of that name.
put_load() {
	local name=$1 peer=$2
	shift 2
	[[ $feed ]] && set -- --feed "$feed" "$@"
	if timeout -k 5 120 "${client_core[@]}" "$work/load" --server "$server" -d "${SECS}s" "$@" \
		"$peer" "$port" > "$work/line" 2> "$work/load.err" 8>&-; then
		cat "$work/line" >> "$work/$name"
	else
		echo "$name: failed: $(head -n 1 "$work/load.err")" "$(tail -n 1 "$work/err")"
	fi
}

median() { # NAME FIGURE
	local -a all
	mapfile -t all < <(sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" "$work/$1" 2> "$work/why" | sort -n)
	echo "${all[(${#all[@]} - 1) / 2]:-0}"
}

# compare SCENE FIGURE TITLE [COLUMN=HEAD...]: a line for each of PEERS, best first: the
# figure, its ratio to the floor and to ws-serve, then medians of further figures. The
# rounds are in the files SCENE.PEER.
compare() {
	local scene=$1 figure=$2 peer column line
	local -a head=()
	printf '\n%s, medians of %d:\n' "$3" "$ROUNDS"
	shift 3
	for column; do head+=("${column#*=}"); done
	printf '%-16s %10s %7s %10s' "" "/CPU s" "x floor" "x ws-serve"
	printf ' %11s' "${head[@]}"
	echo
	for peer in ${ROWS:-$PEERS}; do
		[[ -s $work/$scene.$peer ]] || continue
		line="$(median "$scene.$peer" "$figure") $peer"
		for column; do line+=" $(median "$scene.$peer" "${column%%=*}")"; done
		echo "$line"
	done | sort -rn | awk -v floor="$(median "$scene.floor" "$figure")" -v ours="$(median "$scene.ws-serve" "$figure")" '
		function short(x) {
			if (x >= 1e6) return sprintf("%.3gM", x / 1e6)
			return x >= 1e4 ? sprintf("%.3gk", x / 1e3) : x
		}
		function ratio(x, y) { return y > 0 ? sprintf("%.3g", x / y) : "-" }
		{
			printf "%-16s %10s %7s %10s", $2, short($1), ratio($1, floor), ratio($1, ours)
			for (i = 3; i <= NF; i++) printf " %11s", short($i)
			print ""
		}'
}
