// What every page does: show a notice while the server is away, and reload when a visitor comes
// back.

import { watchServer } from "./server/status.js";

const notice = document.querySelector("#server-away p");

watchServer(({ here }) => {
  notice.hidden = here;
});

// The subscriptions ended when the page was left: see transport/mod.js.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
