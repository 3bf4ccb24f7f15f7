#!/bin/bash
# chat.sh - a chat: what one member of a room says, the others hear. The server knows no
# more of it than three words in the rooms file.
#
#   examples/chat.sh [PORT]                                             3000 unless given
#   ws-connect --subscribe chat:7 ws://localhost:3000/ws                in two terminals
#   {"type":"message","room":"chat:7","data":{"text":"hello"}}          typed into one
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

exec ws-serve --rooms "$here/chat.rooms" "${1:-3000}" < /dev/null
