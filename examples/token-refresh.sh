#!/bin/bash
# token-refresh.sh - a client that outlives its tokens: a command makes a new one for each
# attempt, and close code 4001 (token expired) is answered by an attempt with a new token.
#
#   examples/token-refresh.sh URL COMMAND...
#   examples/token-refresh.sh ws://localhost:3000/ws jwt-sign --key-file secret.txt --sub u1 --exp 1m
#
# The command usually asks the API: curl -s -b cookies https://api.example/token
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

url=$1
shift
exec ws-connect --records --reconnect=forever --token-command "${*@Q}" "$url"
