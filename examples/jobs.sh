#!/bin/bash
# jobs.sh - job notifications: services POST to /broadcast, browsers hear of it.
#
#   examples/jobs.sh [PORT]          8080 unless given
#
# The services' side, as they know it:
#   curl -X POST http://localhost:8080/broadcast -H "Content-Type: application/json" \
#     -d '{"type": "test_message", "data": {"message": "Hello WebSocket!"}, "channel": "jobs"}'
#   curl http://localhost:8080/stats | jq .
#   curl http://localhost:8080/health
# A client:
#   ws-connect --subscribe jobs ws://localhost:8080/ws
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

# Whoever reaches the port may broadcast: keep it inside, or give --admin-token-file.
exec ws-serve --endpoint /ws=channel --expose health,stats,broadcast --admin-open "${1:-8080}" < /dev/null
