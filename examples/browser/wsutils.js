// wsutils.js - a WebSocket client for browsers that speaks the protocol of ws-serve's
// `payload` endpoints (ws-protocol(7)). No dependencies.
//
//   const ws = new GatewayClient('wss://host/ws', { token: () => fetchToken() });
//   ws.on('payment:updated', (payload, message) => …);
//   ws.on('status', s => …);        connecting, connected, reconnecting, disconnected
//   ws.subscribe('payments');
//   ws.connect();
//
// It reconnects with the delays 1 s, 2 s, 4 s … 30 s (10 attempts, begun anew after a
// connection that worked), subscribes again, sends what was queued meanwhile, and sends a
// ping every 30 s: no pong within 10 s ends the connection. Close codes that are final are
// not retried; after 4001 a new token is asked for first.

const DEFAULTS = {
	token: null,          // a string, or a function that returns one or a promise of one
	firstDelay: 1000,     // ms
	longestDelay: 30000,  // ms
	attempts: 10,
	pingInterval: 30000,  // ms
	pingTimeout: 10000,   // ms
	queueLimit: 1000,     // messages kept while away; the oldest goes first
};

// 1000: done; the others say that a retry cannot help (ws-protocol(7)).
const FINAL = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010, 4003]);

export class GatewayClient {
	#url; #options; #socket = null; #handlers = new Map(); #rooms = new Set(); #queue = [];
	#attempt = 0; #retry = null; #ping = null; #pong = null; #wanted = false;

	constructor(url, options = {}) {
		this.#url = url;
		this.#options = { ...DEFAULTS, ...options };
		this.status = 'disconnected';
		this.dropped = 0;
	}

	connect() {
		if (this.#wanted) return;
		this.#wanted = true;
		this.#attempt = 0;
		this.#open();
	}

	disconnect() {
		this.#wanted = false;
		clearTimeout(this.#retry);
		this.#stopPing();
		this.#socket?.close(1000);
		this.#setStatus('disconnected');
	}

	// Call handler(payload, message) for each message of that type; '*' is every one.
	// Returns a function that takes the handler away again.
	on(type, handler) {
		if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
		this.#handlers.get(type).add(handler);
		return () => this.#handlers.get(type).delete(handler);
	}

	subscribe(room) {
		this.#rooms.add(room);
		if (this.#isOpen()) this.#write({ type: 'subscribe', payload: { channel: room } });
	}

	unsubscribe(room) {
		this.#rooms.delete(room);
		if (this.#isOpen()) this.#write({ type: 'unsubscribe', payload: { channel: room } });
	}

	// Send a message, or keep it until the connection is there.
	send(type, payload) {
		const message = { type, payload, timestamp: new Date().toISOString() };
		if (this.#isOpen()) {
			this.#write(message);
			return;
		}
		this.#queue.push(message);
		if (this.#queue.length > this.#options.queueLimit) {
			this.#queue.shift();
			this.dropped++;
		}
	}

	#isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }

	#write(message) { this.#socket.send(JSON.stringify(message)); }

	#emit(type, payload, message) {
		for (const handler of this.#handlers.get(type) ?? []) handler(payload, message);
	}

	#setStatus(status, detail = {}) {
		this.status = status;
		this.#emit('status', { status, ...detail });
	}

	async #open() {
		this.#setStatus(this.#attempt ? 'reconnecting' : 'connecting', { attempt: this.#attempt });
		const url = new URL(this.#url, globalThis.location?.href);
		let socket;
		try {
			const { token } = this.#options;
			const value = typeof token === 'function' ? await token() : token;
			if (value) url.searchParams.set('token', value);
			if (!this.#wanted) return;
			socket = new WebSocket(url);
		} catch (error) {
			this.#emit('error', error);
			this.#later();
			return;
		}
		this.#socket = socket;
		socket.onopen = () => this.#opened();
		socket.onmessage = event => this.#received(event.data);
		socket.onclose = event => this.#closed(socket, event);
	}

	#opened() {
		this.#setStatus('connected');
		for (const room of this.#rooms) this.#write({ type: 'subscribe', payload: { channel: room } });
		for (const message of this.#queue.splice(0)) this.#write(message);
		this.#ping = setInterval(() => this.#beat(), this.#options.pingInterval);
	}

	#beat() {
		this.#write({ type: 'ping', timestamp: new Date().toISOString() });
		this.#pong ??= setTimeout(() => this.#drop(), this.#options.pingTimeout);
	}

	// The peer is silent: a close handshake would wait for it, so go on without.
	#drop() {
		const socket = this.#socket;
		socket.onclose = null;
		socket.close();
		this.#closed(socket, { code: 1006, reason: 'no pong' });
	}

	#stopPing() {
		clearInterval(this.#ping);
		clearTimeout(this.#pong);
		this.#pong = null;
	}

	#received(data) {
		let message;
		try {
			message = JSON.parse(data);
		} catch {
			message = { type: 'text', payload: data };
		}
		this.#attempt = 0; // a connection that worked
		if (message?.type === 'pong') {
			clearTimeout(this.#pong);
			this.#pong = null;
			return;
		}
		this.#emit(message?.type, message?.payload, message);
		this.#emit('*', message?.payload, message);
	}

	#closed(socket, { code, reason }) {
		if (socket !== this.#socket) return;
		this.#stopPing();
		this.#socket = null;
		this.#emit('close', { code, reason });
		const tokenRefused = code === 4001 && typeof this.#options.token !== 'function';
		if (!this.#wanted || FINAL.has(code) || tokenRefused) {
			this.#wanted = false;
			this.#setStatus('disconnected', { code, reason });
		} else {
			this.#later();
		}
	}

	#later() {
		const { firstDelay, longestDelay, attempts } = this.#options;
		if (this.#attempt >= attempts) {
			this.#wanted = false;
			this.#setStatus('disconnected', { reason: `gave up after ${attempts} attempts` });
			return;
		}
		const delay = Math.min(firstDelay * 2 ** this.#attempt++, longestDelay);
		this.#setStatus('reconnecting', { attempt: this.#attempt, delay });
		this.#retry = setTimeout(() => this.#open(), delay);
	}
}
