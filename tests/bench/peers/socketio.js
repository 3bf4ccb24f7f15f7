// socket.io: join, publish to a room, relay to its others, echo. Prints its port.
const http = require('http').createServer();
const { Server } = require('socket.io');
const io = new Server(http, { transports: ['websocket'], serveClient: false, perMessageDeflate: false });

io.on('connection', (socket) => {
  socket.on('join', (room, done) => { socket.join(room); done(); });
  socket.on('publish', (room, message) => io.to(room).emit('message', message));
  socket.on('relay', (room, message) => socket.to(room).emit('message', message));
  socket.on('echo', (message) => socket.emit('message', message));
});
http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(http.address().port));
