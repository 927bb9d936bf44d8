// A subscription to the naive monitor: the frames of a feed, without a feed and without a cursor.

import { backOff } from "../../transport/back_off.js";

export function subscribeNaively(onEvent) {
  const wait = backOff();
  let socket;
  let timer;

  function open() {
    const address = new URL("/demo/monitor/naive", location.href.replace(/^http/, "ws"));
    socket = new WebSocket(address);
    socket.onmessage = ({ data }) => {
      const at = performance.now();
      const frame = JSON.parse(data);
      if (frame.hello) {
        wait.reset();
        onEvent({ kind: "connected" });
      } else if (frame.payload) {
        onEvent({ kind: "received", message: frame, at });
      }
    };
    socket.onclose = () => {
      onEvent({ kind: "closed" });
      timer = setTimeout(open, wait.next());
    };
  }

  open();
  return {
    stop() {
      clearTimeout(timer);
      socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}
