// The bytes that the browser itself reports. It reports the size of a response when the response is
// complete, so it has no bytes for streams and sockets.

import { deliveryOf } from "../../page_data.js";
import { laneName } from "../../server/tab.js";

export class BrowserBytes {
  #bytes = new Map();

  constructor() {
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#add(entry);
      // Otherwise the browser's own list would fill up.
      performance.clearResourceTimings();
    });
    observer.observe({ type: "resource" });
  }

  /** Returns the bytes of a transport's lane, or `undefined` if no response has ended. */
  of(transport) {
    return this.#bytes.get(transport);
  }

  reset() {
    this.#bytes.clear();
  }

  #add({ name, transferSize }) {
    const transport = laneName(new URL(name).searchParams.get("lane") ?? "");
    const polls = ["polled", "held"].includes(deliveryOf(transport));
    if (!polls || transferSize === 0) return;
    this.#bytes.set(transport, (this.#bytes.get(transport) ?? 0) + transferSize);
  }
}
