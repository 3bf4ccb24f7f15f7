// node's ws. What a client says goes to the others of the room that its path names; at
// /echo it comes back; at /publish it is "ROOM\nMESSAGE". Prints its port.
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({
  port: 0, host: '127.0.0.1', perMessageDeflate: false, clientTracking: false, backlog: 4096,
});
const rooms = new Map();

function send(room, message, except) {
  for (const member of rooms.get(room) || [])
    if (member !== except && member.readyState === 1)
      member.send(message, { binary: false });
}

server.on('listening', () => console.log(server.address().port));
server.on('connection', (client, request) => {
  const room = request.url.slice(1);
  client.on('error', () => {});
  if (room === 'echo') {
    client.on('message', (message) => client.send(message, { binary: false }));
  } else if (room === 'publish') {
    client.on('message', (message) => {
      const end = message.indexOf(10);
      send(message.toString('latin1', 0, end), message.subarray(end + 1));
    });
  } else {
    if (!rooms.has(room))
      rooms.set(room, new Set());
    rooms.get(room).add(client);
    client.on('close', () => rooms.get(room).delete(client));
    client.on('message', (message) => send(room, message, client));
  }
});
