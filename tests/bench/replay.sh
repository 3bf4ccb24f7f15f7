#!/bin/bash
# ws-replay: how exactly it keeps the pace of a recording, and how fast it is without one.
#   LINES=2000 tests/bench/replay.sh
set -eu
cd "$(dirname "$0")/../.."
BIN=${BIN:-build} LINES=${LINES:-2000}
make -s B="$BIN" "$BIN/ws-replay"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# record COUNT: one line each 2 ms.
record() {
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) {
		ms = 2 * i
		printf "{\"time\":\"2026-01-01T%02d:%02d:%02d.%03d000Z\",\"key\":\"payments.created\",\"data\":{\"id\":%d,\"pad\":\"%0200d\"}}\n",
			ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000, i, i } }'
}

record "$LINES" > "$work/paced"
"$BIN/ws-replay" --restamp "$work/paced" > "$work/out"
/usr/bin/python3 - "$work/out" <<'PY'
import json, sys
from datetime import datetime
t = [datetime.fromisoformat(json.loads(l)["time"].replace("Z", "+00:00")).timestamp() for l in open(sys.argv[1])]
late = sorted((x - t[0]) * 1000 - 2 * i for i, x in enumerate(t))
def at(p): return late[min(len(late) - 1, int(len(late) * p))]
print(f"pace: {len(t)} lines, 2 ms apart: late by {at(.5):.3f} ms (median), {at(.99):.3f} ms (p99), "
      f"{late[-1]:.3f} ms (most); the last one {(t[-1] - t[0]) * 1000 - 2 * (len(t) - 1):.3f} ms")
PY
record 500000 > "$work/bulk"
begin=$(date +%s%N)
"$BIN/ws-replay" --speed max "$work/bulk" > "$work/out"
end=$(date +%s%N)
echo "bulk: $((500000 * 1000 / ((end - begin) / 1000000 + 1))) lines a second, $(($(stat -c %s "$work/bulk") * 1000 / ((end - begin) / 1000000 + 1) / 1048576)) MiB/s"
