// A room on node's ws: what one client sends goes to all others. Prints its port.
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, backlog: 4096 });

server.on('listening', () => console.log(server.address().port));
server.on('connection', (client) => {
  client.on('message', (data, binary) => {
    for (const other of server.clients)
      if (other !== client && other.readyState === 1)
        other.send(data, { binary });
  });
});
