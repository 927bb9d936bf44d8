// Socket.IO with the official server.

import { Server } from "socket.io";

import { notFound, serve } from "./feed.mjs";

const server = serve((body) => io.emit("message", body), notFound);
// Without compression, which no other server of the comparison uses, and without the page's script.
const io = new Server(server, {
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  // Off, as it is by default, unless the target file asks for it.
  connectionStateRecovery: process.env.CONNECTION_STATE_RECOVERY ? {} : undefined,
});
