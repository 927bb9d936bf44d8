// A WebSocket with `ws`.

import { WebSocketServer } from "ws";

import { notFound, serve } from "./feed.mjs";

const server = serve((body) => {
  for (const client of sockets.clients) {
    client.send(body);
  }
}, notFound);
// Without compression, which no other server of the comparison uses.
const sockets = new WebSocketServer({ server, path: "/websocket", perMessageDeflate: false });
