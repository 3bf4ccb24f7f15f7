"""python's websockets. What a client says goes to the others of the room that its path
names; at /echo it comes back; at /publish it is "ROOM\\nMESSAGE". Prints its port."""
import asyncio
from collections import defaultdict

import websockets

rooms = defaultdict(set)


async def handle(client, path):
    room = path[1:]
    if room == "echo":
        async for message in client:
            await client.send(message)
    elif room == "publish":
        async for message in client:
            name, _, rest = message.partition("\n")
            websockets.broadcast(rooms[name], rest)
    else:
        rooms[room].add(client)
        try:
            async for message in client:
                websockets.broadcast(rooms[room] - {client}, message)
        finally:
            rooms[room].discard(client)


async def main():
    async with websockets.serve(handle, "127.0.0.1", 0, compression=None, backlog=4096) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
