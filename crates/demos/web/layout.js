// What every page does: show a notice while the server is away, reload when a visitor comes back, and
// offer the projector mode.

import "./projector.js";
import { watchServer } from "./server/status.js";

const notice = document.querySelector("#server-away p");

watchServer(({ here }) => {
  notice.hidden = here;
});

// The subscriptions ended when the page was left: see transport/mod.js.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
