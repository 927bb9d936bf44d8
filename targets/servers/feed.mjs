// What the servers in Node share: a server that takes messages by `POST /publish`, and says on
// standard output where it listens: on the port in the variable `PORT`, or on any free one, of the
// address in `HOST`, or of 127.0.0.1.

import { createServer } from "node:http";

/**
 * Starts a server.
 * @param {(body: string) => void | Promise<void>} publish - Called with each message.
 * @param {import("node:http").RequestListener} answer - Answers all other requests.
 * @returns {import("node:http").Server}
 */
export function serve(publish, answer) {
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== "/publish") {
      answer(request, response);
      return;
    }
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", async () => {
      let status = 201;
      try {
        await publish(body);
      } catch (error) {
        console.error(error.message);
        status = 502;
      }
      response.writeHead(status, { "Content-Length": 0 }).end();
    });
  });
  // The other servers keep idle connections for longer than a run takes.
  server.keepAliveTimeout = 600_000;
  server.listen(Number(process.env.PORT ?? 0), process.env.HOST ?? "127.0.0.1", 4096, () => {
    console.log(JSON.stringify({ port: server.address().port }));
  });
  return server;
}

/** Answers that there is nothing at this address. */
export function notFound(_request, response) {
  response.writeHead(404, { "Content-Length": 0 }).end();
}
