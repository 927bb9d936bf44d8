// The origin behind Pushpin. It numbers and keeps the messages, and says which subscribers Pushpin
// has to hold (GRIP).

import { request as ask } from "node:http";

import { notFound, serve } from "./feed.mjs";

// The number of messages that wirebench keeps, too.
const WINDOW = 10_000;
const CHANNEL = "bench";

/** The newest messages. The newest of all has the number `last`. */
const messages = [];
let last = 0;

/** Hands a message to Pushpin, for all whom it holds. */
function publish(body) {
  last += 1;
  messages.push(body);
  if (messages.length > WINDOW) {
    messages.shift();
  }
  const item = {
    channel: CHANNEL,
    id: String(last),
    // Pushpin asks again on behalf of those who have missed what is before.
    "prev-id": String(last - 1),
    formats: {
      "http-stream": { content: event(last, body) },
      "http-response": pollAnswer(last, [body]),
      "ws-message": { content: body },
    },
  };
  return control("POST", "/publish/", JSON.stringify({ items: [item] }));
}

function event(number, body) {
  return `id: ${number}\ndata: ${body}\n\n`;
}

function pollAnswer(cursor, bodies) {
  return {
    headers: { "Content-Type": "application/json", "Feed-Cursor": String(cursor) },
    body: `{"cursor":${cursor},"messages":[${bodies.join(",")}]}`,
  };
}

/** Asks Pushpin's control port. */
function control(method, path, body) {
  return new Promise((resolve, reject) => {
    // Pushpin closes each connection after its answer.
    const request = ask(process.env.CONTROL + path, { method, agent: false }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200) {
          resolve();
        } else {
          reject(new Error(`Pushpin answered ${response.statusCode}`));
        }
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Returns the messages after a number, as far as they are kept. */
function messagesAfter(after) {
  return messages.slice(Math.max(0, messages.length - (last - after)));
}

function answerStream(after, response) {
  const missed = messagesAfter(after);
  const events = missed.map((body, index) => event(last - missed.length + index + 1, body));
  response
    .writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "Grip-Hold": "stream",
      "Grip-Channel": `${CHANNEL}; prev-id=${last}`,
      // Where Pushpin gets what it has missed itself.
      "Grip-Link": `</sse?after=${last}>; rel=next`,
    })
    .end(events.join(""));
}

function answerPoll(after, response) {
  if (after < last) {
    const { headers, body } = pollAnswer(last, messagesAfter(after));
    response.writeHead(200, headers).end(body);
    return;
  }
  response
    .writeHead(204, { "Grip-Hold": "response", "Grip-Channel": `${CHANNEL}; prev-id=${last}` })
    .end();
}

/** Returns the number after which the messages are wanted. */
function cursorOf(url, headers) {
  // What Pushpin has sent already is newer than what the subscriber had when it came.
  const sent = headers["grip-last"]?.match(/last-id=(\d+)/)?.[1];
  const cursor = sent ?? url.searchParams.get("after") ?? headers["last-event-id"];
  // Without a cursor, a subscriber gets what is published after it came.
  return Number(cursor ?? last);
}

/** Answers what Pushpin says about a WebSocket (WebSocket over HTTP). */
function answerWebSocket(request, response) {
  let events = "";
  request.setEncoding("latin1");
  request.on("data", (part) => {
    events += part;
  });
  request.on("end", () => {
    const headers = { "Content-Type": "application/websocket-events" };
    if (!events.startsWith("OPEN\r\n")) {
      response.writeHead(200, headers).end();
      return;
    }
    const subscribe = `c:${JSON.stringify({ type: "subscribe", channel: CHANNEL })}`;
    headers["Sec-WebSocket-Extensions"] = 'grip; message-prefix=""';
    response
      .writeHead(200, headers)
      .end(`OPEN\r\nTEXT ${subscribe.length.toString(16)}\r\n${subscribe}\r\n`);
  });
}

serve(publish, (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const after = cursorOf(url, request.headers);
  if (url.pathname === "/sse") {
    answerStream(after, response);
  } else if (url.pathname === "/long-polling") {
    answerPoll(after, response);
  } else if (url.pathname === "/websocket") {
    answerWebSocket(request, response);
  } else if (url.pathname === "/ready") {
    // Pushpin is ready if it takes messages, and if this answer gets through it.
    control("GET", "/").then(
      () => response.writeHead(204).end(),
      () => response.writeHead(503, { "Content-Length": 0 }).end(),
    );
  } else {
    notFound(request, response);
  }
});
