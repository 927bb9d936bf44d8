// Server-sent events: one response that never ends.
//
// The browser does most of the work. An EventSource reconnects by itself, after the time that the
// server sent as `retry:`, and names the last event that it received in `Last-Event-ID`.

import { address } from "./address.js";
import { backOff } from "./back_off.js";
import { publish } from "./publish.js";

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, onEvent) {
  const wait = backOff();
  let cursor = options.after;
  let source;
  let timer;

  function open() {
    source = new EventSource(address(feed, "sse", { after: cursor, lane: options.lane }));

    source.onopen = () => {
      wait.reset();
      onEvent({ kind: "connected" });
    };

    source.onmessage = (event) => {
      const at = performance.now();
      cursor = event.lastEventId;
      onEvent({ kind: "received", message: JSON.parse(event.data), cursor, at });
    };

    // Events with a name of their own do not reach `onmessage`.
    source.addEventListener("gap", (event) => {
      cursor = event.lastEventId;
      onEvent({ kind: "gap", gap: JSON.parse(event.data), cursor });
    });

    source.onerror = () => {
      if (source.readyState === EventSource.CONNECTING) {
        onEvent({ kind: "closed", why: "ended" });
        return;
      }
      // The EventSource gave up, as it must if the response is no event stream (an error page of a
      // proxy, for example). A new one does not know the last event, so the cursor goes into the
      // address.
      const again_ms = wait.next();
      onEvent({ kind: "closed", why: "unreachable", again_ms });
      timer = setTimeout(open, again_ms);
    };
  }

  open();
  return {
    stop() {
      clearTimeout(timer);
      source.close();
    },
    // The stream only goes to the browser, so a message to the server takes a request of its own.
    publish: (payload) => publish(feed, payload, options.lane),
  };
}
