#!/bin/bash
# Fan-out over WebSocket beside other servers: one client of a room sends, all others get
# it. ws-bench is the client of all of them; the figure is deliveries for each second of
# processor time that the server took, which is steady where others are at work, and its
# ratio to the best. A peer that is not there is skipped.
#   CONNS=1000 SECS=2 ROUNDS=3 PEERS="ws-serve node-ws nchan socketio python" tests/bench/fanout.sh
set -u
cd "$(dirname "$0")/../.." || exit 2
BIN=${BIN:-build}
CONNS=${CONNS:-1000} SECS=${SECS:-2} ROUNDS=${ROUNDS:-3}
PEERS=${PEERS:-ws-serve node-ws nchan socketio python}
NCHAN=${NCHAN:-/usr/lib/nginx/modules/ngx_nchan_module.so} # Debian: libnginx-mod-nchan
export NODE_PATH=$PWD/$BIN/npm/node_modules:/usr/share/nodejs
make -s B="$BIN" "$BIN/ws-bench" "$BIN/ws-serve" || exit 2
ulimit -n "$(ulimit -Hn)"
work=$(mktemp -d)
server=
trap '[[ $server ]] && kill $server; rm -rf "$work"' EXIT

# One core each, so that neither end takes time from the other. taskset becomes what it
# starts, so that $! is the server itself.
server_core=() client_core=()
(($(nproc) > 1)) && server_core=(taskset -c 0) client_core=(taskset -c 1)

# missing PEER: why it cannot be measured here; nothing when it can.
missing() {
	case $1 in
	node-ws) node -e 'require("ws")' 2> "$work/why" || echo "no node with ws (Debian: nodejs, node-ws)" ;;
	socketio)
		command -v npm > "$work/npm" || { echo "no npm"; return; }
		[[ -d $BIN/npm/node_modules/socket.io ]] ||
			npm install --silent --no-audit --no-fund --prefix "$BIN/npm" socket.io > "$work/npm" 2>&1 ||
			echo "npm cannot install socket.io"
		;;
	nchan) [[ -f $NCHAN ]] && command -v nginx > "$work/nginx" || echo "no nginx with nchan (Debian: libnginx-mod-nchan)" ;;
	python) /usr/bin/python3 -c 'import websockets' 2> "$work/why" || echo "no python3-websockets" ;;
	esac
}

nginx_conf() { # PORT
	cat <<-CONF
		load_module $NCHAN;
		daemon off; master_process off; worker_rlimit_nofile $(ulimit -n);
		pid $work/nginx.pid; error_log $work/nginx.err crit;
		events { worker_connections 16000; }
		http {
			access_log off; client_body_temp_path $work; proxy_temp_path $work;
			fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;
			server {
				listen 127.0.0.1:$1 backlog=4096;
				location /ws { nchan_pubsub; nchan_channel_id bench; nchan_message_buffer_length 1000; nchan_websocket_ping_interval 0; }
			}
		}
	CONF
}

# launch PEER: $server runs, $url is where.
launch() {
	local port
	: > "$work/out"
	case $1 in
	ws-serve)
		echo 'bench:* publish relay anyone' > "$work/rooms"
		"${server_core[@]}" "$BIN/ws-serve" --rooms "$work/rooms" --events listen --message-rate 0 127.0.0.1:0 < /dev/null > "$work/out" 2> "$work/err" &
		;;
	node-ws | socketio) "${server_core[@]}" node "tests/bench/peers/$1.js" > "$work/out" 2> "$work/err" & ;;
	python) "${server_core[@]}" /usr/bin/python3 tests/bench/peers/python.py > "$work/out" 2> "$work/err" & ;;
	nchan)
		port=$(/usr/bin/python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
		nginx_conf "$port" > "$work/nginx.conf"
		"${server_core[@]}" nginx -p "$work" -c "$work/nginx.conf" 2> "$work/err" &
		echo "$port" > "$work/out"
		;;
	esac
	server=$!
	for _ in {1..250}; do
		port=$(sed -n 's/.*"url":"ws:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p; s/^\([0-9]*\)$/\1/p' "$work/out" | head -n 1)
		[[ $port ]] && (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> "$work/why" && break
		sleep 0.02
	done
	url=ws://127.0.0.1:$port/ws
	[[ $1 == socketio ]] && url="ws://127.0.0.1:$port/socket.io/?EIO=4&transport=websocket"
}

cpu() { awk '{ print $14 + $15 }' "/proc/$server/stat"; } # ticks; the name has no blanks

# The messages are 128 bytes as the receiver gets them, or a few more.
measure() { # PEER: deliveries a second, deliveries for each processor second, p99 in ms
	local to=others before after
	local -a how=(-m '{id}{pad}' --size 128)
	case $1 in
	ws-serve) how=(--size 128) ;;
	nchan) to=all ;;
	socketio)
		echo 40 > "$work/open"
		how=(--on-open "$work/open" -m '42["message","{id}{pad}"]' --size 142)
		;;
	esac
	before=$(cpu)
	"${client_core[@]}" "$BIN/ws-bench" --json --fanout="$to" -c "$CONNS" -r max --window "${WINDOW:-64}" -d "${SECS}s" \
		"${how[@]}" "$url" > "$work/report" 2> "$work/err" || { echo "0 0 0 0"; return; }
	after=$(cpu)
	jq -r --argjson t "$((after - before + 1))" --argjson hz "$(getconf CLK_TCK)" \
		'"\(.delivered / .seconds | floor) \(.delivered * $hz / $t | floor) \(.delivery.p99) \(.lost)"' "$work/report"
}

for ((round = 0; round < ROUNDS; round++)); do
	for peer in $PEERS; do
		if ((round == 0)) && why=$(missing "$peer") && [[ $why ]]; then
			echo "skip $peer: $why"
			PEERS=$(xargs -n 1 <<< "$PEERS" | grep -vx "$peer" | xargs)
			continue
		fi
		[[ " $PEERS " == *" $peer "* ]] || continue
		launch "$peer"
		measure "$peer" >> "$work/$peer.rounds"
		kill "$server"
		wait "$server" 2> "$work/why"
		server=
	done
done

median() { sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }
echo "fan-out of 128 bytes to $CONNS connections, medians of $ROUNDS rounds:"
for peer in $PEERS; do
	echo "$(cut -d' ' -f2 "$work/$peer.rounds" | median) $(cut -d' ' -f1 "$work/$peer.rounds" | median) $(cut -d' ' -f3 "$work/$peer.rounds" | median) $(cut -d' ' -f4 "$work/$peer.rounds" | median) $peer"
done | sort -rn | awk 'NR == 1 { best = $1 } {
	printf "%-10s %10d deliveries for each processor second (%.2f), %9d/s, p99 %s ms, %d lost\n", $5, $1, best ? $1 / best : 0, $2, $3, $4 }'
