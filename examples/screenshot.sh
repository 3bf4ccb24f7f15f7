#!/bin/bash
# screenshot.sh [FILE] - a picture of the demo: the page of examples/browser, connected to
# the gateway of demo.sh as user u1, in a headless Chromium. FILE is
# examples/browser/screenshot.png unless given. Needs chromium-driver and python3.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
picture=$(realpath "${1:-$here/browser/screenshot.png}")
command -v chromedriver > /dev/null || {
	echo "screenshot.sh: chromium-driver is not installed" >&2
	exit 6
}
dir=$(mktemp -d)
mkfifo "$dir/commands"
touch "$dir/demo" "$dir/answers"
trap 'kill "$demo" "$browser"; wait; rm -rf "$dir"' EXIT

DEMO_SPEED=20x "$here/demo.sh" > "$dir/demo" 2>&1 &
demo=$!
/usr/bin/python3 "$here/../tests/lib/browser.py" < "$dir/commands" > "$dir/answers" &
browser=$!
exec 3> "$dir/commands"

# A line that matches, 30 seconds at most; it is printed.
await() { # FILE PATTERN
	local end=$((SECONDS + 30))
	until grep -m 1 -e "$2" "$1"; do
		if ((SECONDS >= end)); then
			echo "screenshot.sh: nothing like $2 in:" >&2
			tail -n 5 "$1" >&2
			exit 4
		fi
		sleep 0.05
	done
}

# What the browser is told, one after the other; see browser.py.
number=0
browse() { # COMMAND
	number=$((number + 1))
	echo "$*" >&3
	case $(await "$dir/answers" "^$number ") in
	"$number ok"*) ;;
	*) echo "screenshot.sh: $*: $(tail -n 1 "$dir/answers")" >&2; exit 4 ;;
	esac
}
browse open "$(await "$dir/demo" '^ *http:' | tr -d ' ')"
browse wait 'client.status === "connected"'
browse eval 'client.subscribe("payments")'
browse wait 'document.getElementById("events").children.length >= 14'
browse eval 'document.documentElement.style.overflow = "hidden"'
browse shot "$picture"
