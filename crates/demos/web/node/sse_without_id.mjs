// The server's half of SSE, as tutorials have it. Run: node sse_without_id.mjs
import { createServer } from "node:http";

const head = { "Content-Type": "text/event-stream", "Cache-Control": "no-store" };

const server = createServer((_request, response) => {
  response.writeHead(200, head);
  response.write("retry: 1000\n\n");
  const send = () => response.write(`data: ${new Date().toISOString()}\n\n`);
  const timer = setInterval(send, 1000);
  // Often forgotten: the timer of a browser that has left would go on.
  response.on("close", () => clearInterval(timer));
});
const tell = () => console.log(`port ${server.address().port}`);
server.listen(process.env.PORT ?? 3000, tell);
