// Server-sent events: one response that never ends.
//
// The browser does most of it. An EventSource reconnects by itself, after the `retry:` that the server
// sent, and says with `Last-Event-ID` where it was: the id of the last event it saw.

import { address } from "./address.js";
import { backOff } from "./back_off.js";
import { publish } from "./publish.js";

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, on) {
  const wait = backOff();
  let cursor = options.after;
  let source;
  let timer;

  function open() {
    source = new EventSource(address(feed, "sse", { after: cursor, lane: options.lane }));

    source.onopen = () => {
      wait.reset();
      on({ kind: "connected" });
    };

    source.onmessage = (event) => {
      const at = performance.now();
      cursor = event.lastEventId;
      on({ kind: "received", message: JSON.parse(event.data), cursor, at });
    };

    // Events that have a name of their own do not come to `onmessage`.
    source.addEventListener("gap", (event) => {
      cursor = event.lastEventId;
      on({ kind: "gap", gap: JSON.parse(event.data), cursor });
    });

    source.onerror = () => {
      if (source.readyState === EventSource.CONNECTING) {
        on({ kind: "closed", why: "ended" });
        return;
      }
      // It gave up, as it must when the answer was no event stream (an error page of a proxy, say).
      // A new one does not know where the old one was, so the cursor goes into the address.
      const again_ms = wait.next();
      on({ kind: "closed", why: "unreachable", again_ms });
      timer = setTimeout(open, again_ms);
    };
  }

  open();
  return {
    stop() {
      clearTimeout(timer);
      source.close();
    },
    // The stream goes one way: what the browser has to say takes a request of its own.
    publish: (payload) => publish(feed, payload, options.lane),
  };
}
