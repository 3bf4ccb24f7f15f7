#!/bin/bash
# gateway.sh - a real-time gateway in one pipeline: events from RabbitMQ reach the
# WebSocket clients they are for, what clients say goes back to RabbitMQ.
#
#   AMQP_URL=amqp://guest:guest@localhost:5672/ JWT_SECRET_FILE=secret.txt \
#     examples/gateway.sh [PORT]
#
# The exchanges payments_events, auth_events, admin_events and client_events are topic
# exchanges that exist already. Without JWT_SECRET_FILE the secret comes from the
# environment variable JWT_SECRET.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

if [[ -n ${JWT_SECRET_FILE:-} ]]; then
	key="--key-file '$JWT_SECRET_FILE'"
else
	key='--key-env JWT_SECRET'
fi

amqp-tap -e payments_events -r 'payments.#' -e auth_events -r 'auth.#' -e admin_events -r 'admin.#' |
	ws-route "$here/gateway.routes" |
	ws-serve --auth "jwt-check $key" --rooms "$here/gateway.rooms" "${1:-3000}" |
	amqp-pub -e client_events -r 'client.{event}' --body record
