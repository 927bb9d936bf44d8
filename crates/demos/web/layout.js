// What every page does: say so when the server cannot be reached, and begin anew when it is come back to.

import { watch } from "./server.js";

const line = document.querySelector("#server-away p");

watch(({ here }) => {
  line.hidden = here;
});

// When the page was left its subscriptions ended: see transport/mod.js.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
