// The npm package `socket.io` as a feed server, for tests of the load generator's client.
//
// Options are the first argument, in JSON: those of `socket.io`, and `window`, the number of messages
// that a feed keeps. The second is the port, or 0. It prints one JSON line when it listens, and one for each connection,
// upgrade and answered heartbeat.
// Each line on standard input is a command: `publish N`, `binary`, `end` (closes every session),
// `leave` (takes every subscriber out of its namespace) or `emit TEXT` (a message in the root namespace).

const { randomBytes } = require('node:crypto');
const { createServer } = require('node:http');
const { createInterface } = require('node:readline');
const { Server } = require('socket.io');

const { window = 10_000, ...options } = JSON.parse(process.argv[2] ?? '{}');
const http = createServer();
const io = new Server(http, options);
const epoch = randomBytes(8).toString('hex');
const messages = [];
const feed = io.of('/feeds/bench');

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const newest = () => messages.length;
const oldest = () => Math.max(0, newest() - window);
const cursor = (seq) => `${epoch}-${seq}`;

// Where a subscriber starts, and what it has missed.
function start(after) {
  if (after === undefined) return { seq: newest() };
  if (after === 'start') return { seq: oldest() };
  const [life, seq] = after.split('-');
  if (life !== epoch) return { seq: oldest(), gap: { reset: true } };
  const missed = oldest() - Number(seq);
  return missed > 0 ? { seq: oldest(), gap: { missed } } : { seq: Number(seq) };
}

feed.on('connection', (socket) => {
  tell({ connected: socket.conn.transport.name });
  socket.conn.on('upgrade', (transport) => tell({ upgraded: transport.name }));
  let heartbeats = 0;
  socket.conn.on('heartbeat', () => tell({ heartbeats: ++heartbeats }));
  const { seq, gap } = start(socket.handshake.auth.after);
  socket.emit('hello', { cursor: cursor(seq), gap });
  for (const message of messages.slice(seq)) socket.emit('message', message);
});

io.on('connection', (socket) => tell({ connected: socket.id, recovered: socket.recovered }));

io.of('/feeds/guarded').use((_socket, next) => next(new Error('not today')));

function publish() {
  const seq = messages.length + 1;
  const message = { seq, published_ns: Number(process.hrtime.bigint()), payload: { number: seq } };
  messages.push(message);
  feed.emit('message', message);
}

const commands = {
  publish: (count) => {
    for (let n = 0; n < Number(count); n++) publish();
  },
  binary: () => feed.emit('binary', 'two parts', Buffer.from([1, 2, 3]), { deep: Buffer.from([4]) }),
  end: () => feed.disconnectSockets(true),
  leave: () => feed.disconnectSockets(false),
  emit: (text) => io.emit('message', text),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const [name, argument] = line.split(' ');
  commands[name](argument);
});

http.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => tell({ port: http.address().port }));
