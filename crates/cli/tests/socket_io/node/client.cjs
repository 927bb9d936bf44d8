// The official client, `socket.io-client`, as a subscriber of a feed that tests steer.
//
// Arguments: the address of the server, the namespace, the transports in JSON, the cursor to start
// after, and the client's name; the last two may be empty. Each line on standard output is a JSON
// object with the name of an event. A payload of bytes is shown as `{"bytes": "<Base64>"}`. Each
// line on standard input is a JSON object with one command: `{"publish": payload}`,
// `{"publish_base64": "…"}` for bytes, both with `"options"` if there are any, or `{"close": true}`.

const { createInterface } = require('node:readline');
const { io } = require('socket.io-client');

const [url, namespace, transports, after, name] = process.argv.slice(2);

let epoch;
let cursor = after || undefined;
const tell = (event, details = {}) =>
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`);

const socket = io(`${url}${namespace}`, {
  transports: JSON.parse(transports),
  reconnectionDelay: 100,
  reconnectionDelayMax: 500,
  // Called for each connection, so that one after an interruption continues where it ended.
  // A key without a value is not sent.
  auth: (answer) => answer({ after: cursor, as: name || undefined }),
});

socket.io.on('open', () => {
  const { engine } = socket.io;
  tell('open', { transport: engine.transport.name });
  engine.on('upgrade', ({ name }) => tell('upgrade', { transport: name }));
});
socket.on('connect_error', (error) => tell('connect_error', { message: error.message }));
socket.on('disconnect', (reason) => tell('disconnect', { reason }));

socket.on('hello', (hello) => {
  cursor = hello.cursor;
  [epoch] = cursor.split('-');
  tell('hello', { data: hello });
});
socket.on('gap', (gap) => {
  cursor = gap.cursor;
  tell('gap', { data: gap });
});
socket.on('message', (message) => {
  cursor = `${epoch}-${message.seq}`;
  const { payload } = message;
  const shown = Buffer.isBuffer(payload) ? { bytes: payload.toString('base64') } : payload;
  tell('message', { data: { ...message, payload: shown } });
});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { close, publish, publish_base64: base64, options } = JSON.parse(line);
    if (close) return socket.close();
    const payload = base64 === undefined ? publish : Buffer.from(base64, 'base64');
    const values = options === undefined ? [payload] : [payload, options];
    socket.emit('publish', ...values, (answer) => tell('published', { data: answer }));
  })
  .on('close', () => socket.close());
