// The npm package `socket.io` with the names of wirebench's server: the cases are checked against it
// before they judge ours.
//
// The first argument has the options of `socket.io`, in JSON, and `window`, the number of messages
// that a feed keeps. It prints one JSON line when it listens.

const { randomBytes } = require('node:crypto');
const { createServer } = require('node:http');
const { Server } = require('socket.io');

const { window = 10_000, ...options } = JSON.parse(process.argv[2]);

// One sequence of messages, as the feeds of wirebench.
class Feed {
  epoch = randomBytes(8).toString('hex');
  messages = [];

  cursor(seq) {
    return `${this.epoch}-${seq}`;
  }

  // Where a subscriber starts, and what it has missed.
  start(after) {
    const newest = this.messages.length;
    const oldest = Math.max(0, newest - window);
    if (after === undefined) return { seq: newest };
    if (after === 'start') return { seq: oldest };
    const [epoch, seq] = after.split('-');
    if (epoch !== this.epoch) return { seq: oldest, gap: { reset: true } };
    const missed = oldest - Number(seq);
    return missed > 0 ? { seq: oldest, gap: { missed } } : { seq: Number(seq) };
  }

  publish(payload) {
    const seq = this.messages.length + 1;
    const message = { seq, published_ns: Number(process.hrtime.bigint()), payload };
    this.messages.push(message);
    return message;
  }
}

const feeds = { bench: new Feed(), other: new Feed() };

function subscribe(namespace, feed, socket) {
  const { seq, gap } = feed.start(socket.handshake.auth.after);
  socket.emit('hello', { cursor: feed.cursor(seq), gap });
  for (const message of feed.messages.slice(seq)) socket.emit('message', message);
  socket.on('publish', (payload, answer) => {
    const message = feed.publish(payload);
    namespace.emit('message', message);
    answer?.({ cursor: feed.cursor(message.seq) });
  });
  socket.on('echo', (...values) => {
    const answer = values.at(-1);
    if (typeof answer === 'function') answer(...values.slice(0, -1));
    else socket.emit('echo', ...values);
  });
}

const http = createServer((request, response) => {
  const [, name] = request.url.match(/^\/feeds\/(\w+)\/messages$/) ?? [];
  const body = [];
  request.on('data', (part) => body.push(part));
  request.on('end', () => {
    if (name === undefined) return response.writeHead(404).end();
    const message = feeds[name].publish(JSON.parse(Buffer.concat(body).toString()));
    io.of(`/feeds/${name}`).emit('message', message);
    response.writeHead(201).end(JSON.stringify({ cursor: feeds[name].cursor(message.seq) }));
  });
});
const io = new Server(http, options);
for (const [name, feed] of Object.entries(feeds)) {
  const namespace = io.of(`/feeds/${name}`);
  namespace.on('connection', (socket) => subscribe(namespace, feed, socket));
}
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address();
  process.stdout.write(`${JSON.stringify({ listening: `http://127.0.0.1:${port}` })}\n`);
});
