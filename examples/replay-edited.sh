#!/bin/bash
# replay-edited.sh - a recording, edited with jq, sent to a server as if it happened now:
# here all payments become those of one user.
#
#   examples/replay-edited.sh USER [RECORDING] | ws-route examples/gateway.routes | ws-serve 3000
#
# The recording: amqp-tap -e payments_events -r '#' > payments.ndjson
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

jq -c --arg user "$1" 'select(.key | startswith("payments.")) | .data.data.senderId = $user' \
	"${2:-$here/payments.ndjson}" |
	ws-replay --speed "${SPEED:-2x}" --restamp
