// WebSocket: frames both ways over one connection.
//
// The browser gives us frames and nothing more: coming back after a cut, going on where we were, and
// telling messages from answers are ours to do.

import { address } from "./address.js";
import { backOff } from "./back_off.js";

/** An error that says by `why` what became of a message. The words for it are the page's. */
const failed = (why) => Object.assign(new Error(why), { why });

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, on) {
  const wait = backOff();
  let cursor = options.after;
  let epoch;
  let socket;
  let timer;
  // What was published and is not confirmed yet, oldest first: the server answers in order.
  let unconfirmed = [];

  function open() {
    const path = address(feed, "websocket", { after: cursor, lane: options.lane });
    socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws")));

    socket.onmessage = ({ data }) => {
      const at = performance.now();
      understand(JSON.parse(data), at);
    };

    // An error is always followed by a close, which is where we act.
    socket.onclose = ({ wasClean }) => {
      for (const { reject } of unconfirmed) reject(failed("cut"));
      unconfirmed = [];
      const again_ms = wait.next();
      on({ kind: "closed", why: wasClean ? "ended" : "unreachable", again_ms });
      timer = setTimeout(open, again_ms);
    };
  }

  function understand(said, at) {
    if (said.hello) {
      wait.reset();
      on({ kind: "connected" });
      stand(said.hello.cursor);
      if (said.hello.gap) on({ kind: "gap", gap: said.hello.gap, cursor });
    } else if (said.seq) {
      // A message carries no cursor of its own: that would be the same bytes in every frame.
      cursor = `${epoch}-${said.seq}`;
      on({ kind: "received", message: said, cursor, at });
    } else if (said.gap) {
      stand(said.cursor);
      on({ kind: "gap", gap: said.gap, cursor });
    } else if (said.published) {
      unconfirmed.shift()?.resolve(said.published.cursor);
    } else if (said.error) {
      unconfirmed.shift()?.reject(Object.assign(failed("refused"), { status: said.status }));
    }
  }

  function stand(at) {
    cursor = at;
    epoch = at.slice(0, at.lastIndexOf("-"));
  }

  open();
  return {
    stop() {
      clearTimeout(timer);
      socket.onmessage = socket.onclose = null;
      socket.close();
    },
    publish(payload) {
      return new Promise((resolve, reject) => {
        if (socket.readyState !== WebSocket.OPEN) {
          reject(failed("not_open"));
          return;
        }
        unconfirmed.push({ resolve, reject });
        socket.send(JSON.stringify({ publish: payload }));
      });
    },
  };
}
