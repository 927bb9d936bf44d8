// The server's half of SSE, with ids. Run: node sse.mjs
import { createServer } from "node:http";

const head = { "Content-Type": "text/event-stream", "Cache-Control": "no-store" };
const event = ({ id, data }) => `id: ${id}\ndata: ${data}\n\n`;
const kept = []; // The last minute, for browsers that come back.
const streams = new Set();

setInterval(() => {
  const now = new Date();
  kept.push({ id: now.getTime(), data: now.toISOString() });
  if (kept.length > 60) kept.shift();
  for (const stream of streams) stream.write(event(kept.at(-1)));
}, 1000);

const server = createServer((request, response) => {
  response.writeHead(200, head);
  response.write("retry: 1000\n\n");
  const last = Number(request.headers["last-event-id"] ?? Date.now());
  const missed = kept.filter(({ id }) => id > last);
  for (const message of missed) response.write(event(message));
  streams.add(response);
  response.on("close", () => streams.delete(response));
});
const tell = () => console.log(`port ${server.address().port}`);
server.listen(process.env.PORT ?? 3000, tell);
