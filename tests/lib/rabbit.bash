# rabbit.bash - a real RabbitMQ for the tests:  load lib/rabbit
#
# Brokers belong to one run of the suite: own node name, ports, epmd, cookie and folder,
# nothing shared with any other broker of the machine. One, "shared", is started by the
# first test that needs it and serves all files; a test that stops its broker or counts
# its connections starts one under another name. All are killed at the end of the run,
# also when the run itself was killed.
#
#   setup() { requires_rabbitmq; }     a virtual host of the test's own, $AMQP_URL to it
#   bus FUNCTION ARGUMENT...           a function of bus.erl on it; words become binaries,
#                                      words that begin with "=" any Erlang term
RABBIT_BIN=/usr/lib/rabbitmq/bin
RABBIT_LIB=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
RABBIT_RUN=${RABBIT_RUN:-${BATS_SUITE_TMPDIR:-}}
RABBIT_TURN=9

# requires_rabbitmq [NAME]: skip without the package; else start the broker unless it
# runs, and make a virtual host for this test.
requires_rabbitmq() {
	[[ -x $RABBIT_BIN/rabbitmq-server ]] || skip "rabbitmq-server is not installed"
	rabbit_start "${1:-shared}"
	RABBIT_VHOST=t$BATS_SUITE_TEST_NUMBER
	bus vhost > /dev/null
	export AMQP_URL=amqp://guest:guest@127.0.0.1:$RABBIT_PORT/$RABBIT_VHOST
	export AMQPS_URL=amqps://guest:guest@localhost:$RABBIT_TLS_PORT/$RABBIT_VHOST
}

# requires_rabbitmq_alone: a broker that this test may stop, kill or fill. It is one for
# all such tests, which take turns.
requires_rabbitmq_alone() {
	[[ -x $RABBIT_BIN/rabbitmq-server ]] || skip "rabbitmq-server is not installed"
	exec {RABBIT_TURN}> "$RABBIT_RUN/rabbit-turn"
	flock "$RABBIT_TURN"
	requires_rabbitmq alone
}

# rabbit_start NAME: start it unless it runs, and make it the one that `bus` talks to.
rabbit_start() {
	local dir=$RABBIT_RUN/rabbit-$1
	mkdir -p "$dir"
	(
		flock 9
		[[ -e $dir/ready ]] && exit
		for _ in 1 2 3; do
			rabbit_boot "$1" "$dir" && exit
		done
		echo "RabbitMQ does not start:" >&2
		tail -n 40 "$dir/server.out" >&2
		exit 1
	) 9> "$dir/lock" || return
	# shellcheck disable=SC1091
	. "$dir/env"
}

# A block of four ports below the ephemeral range, so that no client can have one.
rabbit_ports() {
	local base port
	while :; do
		base=$((20000 + RANDOM % 3000 * 4))
		for port in 0 1 2 3; do
			(: < "/dev/tcp/127.0.0.1/$((base + port))") 2> /dev/null && continue 2
		done
		echo $base
		return
	done
}

rabbit_boot() { # NAME FOLDER
	local dir=$2 base pid
	base=$(rabbit_ports)
	rm -rf "${dir:?}/home" "$dir/mnesia" "$dir/log"
	mkdir -p "$dir/home" "$dir/ebin"
	cat > "$dir/env" <<-EOF
	RABBIT_NAME=$1 RABBIT_DIR=$dir RABBIT_PORT=$base RABBIT_TLS_PORT=$((base + 1))
	RABBIT_NODE=wsutils-$1-$base@localhost RABBIT_COOKIE=$RANDOM$RANDOM$RANDOM
	export ERL_EPMD_PORT=$((base + 3)) ERL_EPMD_ADDRESS=127.0.0.1
	EOF
	# shellcheck disable=SC1091
	. "$dir/env"
	(umask 077; echo -n "$RABBIT_COOKIE" > "$dir/home/.erlang.cookie"; chmod 400 "$dir/home/.erlang.cookie")
	[[ -e $dir/server.pem ]] || rabbit_certificates "$dir" || return
	echo '[rabbitmq_auth_mechanism_ssl].' > "$dir/plugins"
	cat > "$dir/rabbitmq.conf" <<-EOF
	listeners.tcp.default = 127.0.0.1:$base
	listeners.ssl.default = 127.0.0.1:$((base + 1))
	ssl_options.cacertfile = $dir/ca.pem
	ssl_options.certfile = $dir/server.pem
	ssl_options.keyfile = $dir/server.key
	ssl_options.verify = verify_peer
	ssl_options.fail_if_no_peer_cert = false
	auth_mechanisms.1 = PLAIN
	auth_mechanisms.2 = EXTERNAL
	ssl_cert_login_from = common_name
	disk_free_limit.absolute = 1MB
	log.file.level = warning
	EOF
	setsid "$RABBIT_LIB/rabbit-keep" "$dir" $((base + 2)) "${RABBIT_OWNER:-$PPID}" \
		< /dev/null > "$dir/server.out" 2>&1 3>&- 9>&- {RABBIT_TURN}>&- &
	pid=$!
	echo "$pid" > "$dir/pid"
	[[ -e $dir/ebin/bus.beam ]] || HOME=$dir/home ERL_LIBS=$(dirname "$(readlink -f $RABBIT_BIN/rabbitmq-env)")/../plugins \
		erlc -o "$dir/ebin" "$RABBIT_LIB/bus.erl" || return
	local end=$((SECONDS + 60))
	until [[ $(erlang 'rabbit:is_running().') == true ]]; do
		((SECONDS < end)) && kill -0 "$pid" 2> /dev/null || return
		sleep 0.05
	done
	erlang "code:add_patha(\"$dir/ebin\")." > /dev/null && touch "$dir/ready"
}

# A CA, a server for the name localhost (and not for 127.0.0.1), a client, and a CA that
# nobody trusts.
rabbit_certificates() { # FOLDER
	local name
	for name in ca stranger; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj "/CN=$name" -keyout "$1/$name.key" -out "$1/$name.pem"
	done
	for name in server client; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
			-keyout "$1/$name.key" -out "$1/$name.csr"
		openssl x509 -req -in "$1/$name.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial \
			-days 2 -extfile <(echo "subjectAltName=DNS:localhost") -out "$1/$name.pem"
	done
} 2> /dev/null

# Calls run side by side: each is a node with a name of its own.
node_call() {
	erl_call -sname "$RABBIT_NODE" -c "$RABBIT_COOKIE" -h "t$BASHPID" "$@"
}

# erlang EXPRESSION: evaluate it in the broker, print the value.
erlang() {
	node_call -e <<< "$1" 2>&1 |
		sed -e '1s/^{ok, //' -e '$s/}$//'
	return "${PIPESTATUS[0]}"
}

# bus FUNCTION ARGUMENT...: see above. The virtual host comes first by itself.
bus() {
	local call="bus:$1(<<\"$RABBIT_VHOST\">>" word
	shift
	for word; do
		if [[ $word == =* ]]; then
			call+=", ${word#=}"
		else
			word=${word//\\/\\\\}
			call+=", <<\"${word//\"/\\\"}\"/utf8>>"
		fi
	done
	erlang "$call)."
}

# rabbitctl ARGUMENT...: rabbitmqctl of this broker.
rabbitctl() {
	HOME=$RABBIT_DIR/home RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_NODENAME=$RABBIT_NODE \
		"$RABBIT_BIN/rabbitmqctl" -q "$@"
}

# declare_exchange NAME TYPE, declare_queue NAME [DURABLE [ARGUMENTS]], bind_queue QUEUE
# EXCHANGE KEY: true, and an Erlang table such as '[{<<"x-max-length">>, long, 5}]'.
declare_exchange() { bus exchange "$1" "$2" =true > /dev/null; }
declare_queue() { bus queue "$1" "=${2:-true}" "=${3:-[]}" > /dev/null; }
bind_queue() { bus bind "$1" "$2" "$3" > /dev/null; }

# publish EXCHANGE KEY BODY...: one message each, without properties, confirmed.
publish() {
	local exchange=$1 key=$2 list='' word
	shift 2
	for word; do
		word=${word//\\/\\\\}
		list+="${list:+, }<<\"${word//\"/\\\"}\"/utf8>>"
	done
	bus publish "$exchange" "$key" "={'P_basic',undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined}" "=[$list]" > /dev/null
}

# publish_numbers QUEUE FROM TO: persistent messages whose bodies are {"n":NUMBER}.
publish_numbers() {
	bus publish "" "$1" "={'P_basic',<<\"application/json\">>,undefined,undefined,2,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined,undefined}" \
		"=[<<\"{\\\"n\\\":\", (integer_to_binary(I))/binary, \"}\">> || I <- lists:seq($2, $3)]" > /dev/null
}

# publish_large QUEUE COUNT SIZE: messages of so many bytes of text.
publish_large() { bus large "$1" "=$2" "=$3" > /dev/null; }

# queue_count QUEUE: messages in it, those out with a consumer included, or "gone".
queue_count() { bus count "$1"; }
# queue_has QUEUE N, for retry.
queue_has() { [[ $(queue_count "$1") == "$2" ]]; }
# queue_stats QUEUE: {Ready, Unacknowledged}
queue_stats() { bus stats "$1"; }
queue_consumers() { [[ $(bus consumers "$1") == "$2" ]]; }

# Close the connections to this test's virtual host from the broker's side.
broker_kick() { bus kick > /dev/null; }

# The broker application, the node stays.
broker_stop() { node_call -a 'rabbit stop' > /dev/null; }
broker_start() { node_call -a 'rabbit start' > /dev/null; }

# rabbit_kill NAME: end this broker, epmd too; done when both are gone.
rabbit_kill() {
	local pid
	pid=$(cat "$RABBIT_RUN/rabbit-$1/pid" 2> /dev/null) || return 0
	rm -f "$RABBIT_RUN/rabbit-$1/ready"
	kill "$pid" 2> /dev/null
	while kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
}

# At the end of the run: all of them.
rabbit_kill_all() {
	local dir
	for dir in "$RABBIT_RUN"/rabbit-*; do
		[[ -e $dir/pid ]] && rabbit_kill "${dir##*/rabbit-}"
	done
	return 0
}
