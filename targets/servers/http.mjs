// Short polling, long polling and server-sent events with what Node brings.

import { notFound, serve } from "./feed.mjs";

// The number of messages that wirebench keeps, too.
const WINDOW = 10_000;

/** The newest messages. The newest of all has the number `last`. */
const messages = [];
let last = 0;
const streams = new Set();
let waiting = new Set();

function publish(body) {
  last += 1;
  messages.push(body);
  if (messages.length > WINDOW) {
    messages.shift();
  }
  const event = `id: ${last}\ndata: ${body}\n\n`;
  for (const stream of streams) {
    stream.write(event);
  }
  const held = waiting;
  waiting = new Set();
  for (const { after, response } of held) {
    answerPoll(after, response);
  }
}

/** Returns the messages after a number, as far as they are kept. */
function messagesAfter(after) {
  return messages.slice(Math.max(0, messages.length - (last - after)));
}

function answerPoll(after, response) {
  if (after >= last) {
    response.writeHead(204, { "Feed-Cursor": last }).end();
    return;
  }
  const kept = messagesAfter(after);
  const body = `{"cursor":${last},"messages":[${kept.join(",")}]}`;
  const fields = { "Content-Type": "application/json", "Feed-Cursor": last };
  response.writeHead(200, { ...fields, "Content-Length": Buffer.byteLength(body) }).end(body);
}

serve(publish, (request, response) => {
  const url = new URL(request.url, "http://localhost");
  // Without a cursor, a subscriber gets what is published after it came.
  const after = Number(url.searchParams.get("after") ?? last);
  if (url.pathname === "/sse") {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(":\n\n");
    // A stream that comes back gets what it has missed.
    const missed = messagesAfter(Number(request.headers["last-event-id"] ?? last));
    for (const [index, body] of missed.entries()) {
      response.write(`id: ${last - missed.length + index + 1}\ndata: ${body}\n\n`);
    }
    streams.add(response);
    response.on("close", () => streams.delete(response));
  } else if (url.pathname === "/short-polling") {
    answerPoll(after, response);
  } else if (url.pathname !== "/long-polling") {
    notFound(request, response);
  } else if (after < last) {
    answerPoll(after, response);
  } else {
    const poll = { after, response };
    waiting.add(poll);
    response.on("close", () => waiting.delete(poll));
  }
});
