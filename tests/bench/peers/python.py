"""A room on python's websockets: what one client sends goes to all others. Prints its port."""
import asyncio

import websockets

clients = set()


async def handle(client, *_):
    clients.add(client)
    try:
        async for message in client:
            websockets.broadcast(clients - {client}, message)
    finally:
        clients.discard(client)


async def main():
    async with websockets.serve(handle, "127.0.0.1", 0, compression=None, backlog=4096) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
