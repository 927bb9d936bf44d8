// The QR code with which other devices join the chat.

import { byId } from "../../elements.js";
import { fill } from "../../format.js";
import { words } from "../../page_data.js";
import { get } from "../../server/api.js";
import { errorText } from "../../server/error_text.js";

const NAMESPACE = "http://www.w3.org/2000/svg";

/** The white frame that a scanner needs, in squares of the code. */
const FRAME = 4;

/** Makes the button open the code, which the server draws for the address that others can reach. */
export function startJoinCode() {
  const dialog = byId("join");
  byId("show-join").addEventListener("click", async () => {
    await show();
    dialog.showModal();
  });
  byId("close-join").addEventListener("click", () => dialog.close());
}

async function show() {
  byId("join-code").replaceChildren();
  byId("join-url").textContent = "";
  try {
    const { url, qr } = await get(`/demo/join?scheme=${location.protocol.slice(0, -1)}`);
    byId("join-none").hidden = url !== null;
    byId("join-url").textContent = url ?? "";
    if (qr) byId("join-code").append(picture(qr, fill(words.invitation.label, { url })));
  } catch (error) {
    byId("join-url").textContent = fill(words.invitation.failed, { error: errorText(error) });
  }
}

/** Draws a code. `path` has its dark squares, and `size` their number from edge to edge. */
function picture({ size, path }, label) {
  const whole = size + 2 * FRAME;
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", `${-FRAME} ${-FRAME} ${whole} ${whole}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const squares = document.createElementNS(NAMESPACE, "path");
  squares.setAttribute("d", path);
  svg.append(squares);
  return svg;
}
