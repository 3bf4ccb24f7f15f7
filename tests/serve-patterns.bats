#!/usr/bin/env bats
# Wildcard subscriptions of ws-serve, many of them.

load lib/common

@test "all of 1,200 patterns that match a room get what goes to it" {
	serve --max-patterns 60 --events listen
	# Each of 20 clients has 60 patterns of its own; all of them match a.b.c.
	start crowd /usr/bin/python3 -c '
import asyncio, itertools, json, sys, websockets
patterns = ["".join(p) for p in itertools.product("a*", ".:", "b*", ".:", "c*")]
patterns += [p + s + "#" for p in patterns for s in ".:"] + ["#" + s + p for p in patterns for s in ".:"]
patterns += ["#" + s + p + t + "#" for p in patterns[:32] for s in ".:" for t in ".:"]
patterns += [p + ":#:#" for p in patterns] + ["#.#." + p for p in patterns] + ["#:#." + p for p in patterns] \
    + ["#.#:#." + p for p in patterns]
patterns = sorted(set(patterns))[:1200]
assert len(patterns) == 1200, len(patterns)
async def client(i):
    async with websockets.connect(sys.argv[1]) as ws:
        await ws.recv()
        await ws.send(json.dumps({"type": "subscribe", "payload": {"channels": patterns[60 * i:60 * i + 60]}}))
        o = json.loads(await ws.recv())
        assert o["type"] == "subscribed" and len(o["payload"]["channels"]) == 60, o
        ready.append(i)
        if len(ready) == 20: print("ready", flush=True)
        got = [await ws.recv(), await ws.recv()]
        return got == ["1", "2"]
async def main():
    print(await asyncio.gather(*(client(i) for i in range(20))) == [True] * 20, flush=True)
ready = []
asyncio.run(main())' "$URL"
	wait_for crowd.out ready
	feed serve '{"to":"a.b.c","data":1,"id":1}' '{"to":["a:b:c","x"],"data":2,"id":2}'
	wait_for serve.out '"id":1,"reached":20'
	wait_for serve.out '"id":2,"reached":20'
	wait_end crowd
	[ "$(tail -n 1 "$T/crowd.out")" = True ]
}
