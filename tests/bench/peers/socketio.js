// A room on socket.io: what one client sends goes to all others. Prints its port.
const http = require('http').createServer();
const { Server } = require('socket.io');
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });

io.on('connection', (socket) => {
  socket.join('bench');
  socket.on('message', (data) => socket.to('bench').emit('message', data));
});
http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(http.address().port));
