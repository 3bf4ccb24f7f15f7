#!/bin/bash
# topics.sh - topic subscriptions with wildcards, and the token in the first message.
#
#   SECRET_FILE=secret.txt examples/topics.sh [PORT]    8080 unless given
#
# A client subscribes to every topic under messages.user:
#   ws-connect --token-file user.jwt --token-in message --subscribe 'messages.user.*' \
#     ws://localhost:8080/
# Events come as lines on stdin, a topic each:
#   {"to":"messages.user.123","data":{"type":"message","topic":"messages.user.123"}}
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

exec ws-serve --auth "jwt-check --key-file '${SECRET_FILE:-secret.txt}'" --auth-message \
	--endpoint /=topic --rooms "$here/topics.rooms" "${1:-8080}"
