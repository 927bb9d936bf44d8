// Reconnecting: the states of one EventSource, which the visitor opens, cuts and closes.
//
// An EventSource asks again with the address that it was made with. So the page tells the server what
// to answer in two cookies, which belong to the address of this tab's stream alone.

import { byId } from "../elements.js";
import { fill, seconds, shortDuration } from "../format.js";
import { common, words } from "../page_data.js";
import { errorText } from "../server/error_text.js";
import { cutOwnLanes } from "../server/own_cut.js";
import { laneTag, tab } from "../server/tab.js";
import { slider } from "../slider.js";
import { EventLog } from "./reconnecting/event_log.js";
import { Steps } from "./reconnecting/steps.js";

const PATH = `/demo/clock/chosen/${tab}`;

/** The value of the slider that stands for no `retry:` field. */
const NO_RETRY = 0;

let source;
let retry_ms = 1000;
/** The `retry:` that the present source has received, or `undefined`. */
let received_retry_ms;
let cut_s = 0;
/** When the connection was lost (performance.now()), while it is. */
let lost_at;
/** How often the source has failed since it was lost. */
let failures = 0;

const log = new EventLog(byId("log"), byId("nothing"));
const steps = new Steps();

const answer = () => document.querySelector("input[name='answer']:checked").value;

function setCookies() {
  const rest = `path=${PATH}; max-age=3600; samesite=strict`;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store is missing on plain HTTP.
  document.cookie = `answer=${answer()}; ${rest}`;
  const retry = retry_ms === NO_RETRY ? "none" : retry_ms;
  // biome-ignore lint/suspicious/noDocumentCookie: as above.
  document.cookie = `retry=${retry}; ${rest}`;
}

function showState() {
  const ready = source?.readyState;
  for (const item of byId("states").children) {
    const is_current = Number(item.dataset.ready) === ready;
    item.toggleAttribute("data-current", is_current);
    if (is_current) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  const is_live = source !== undefined && ready !== EventSource.CLOSED;
  byId("cut").disabled = byId("close").disabled = !is_live;
}

function note(event, meaning) {
  log.add(event, source.readyState, meaning);
  showState();
}

function open() {
  source?.close();
  setCookies();
  received_retry_ms = lost_at = undefined;
  failures = 0;
  source = new EventSource(`${PATH}?lane=${laneTag("chosen")}`);
  source.onopen = noteOpen;
  source.onerror = noteError;
  source.onmessage = () => log.countMessage(source.readyState);
  source.addEventListener("request", noteRequest);
  note("new EventSource", words.told.made);
}

function noteOpen() {
  if (lost_at === undefined) {
    note("open", words.told.open);
    steps.see("open");
    return;
  }
  const away = performance.now() - lost_at;
  note("open", fill(words.told.back, { away: seconds(away / 1000, 1) }));
  steps.see(failures > 1 ? "outage" : "cut");
  if (failures === 1 && received_retry_ms >= 5000) steps.see("retry");
  lost_at = undefined;
  failures = 0;
}

/** The server's first event says what the request had in `Last-Event-ID`. */
function noteRequest({ data }) {
  const { last_event_id } = JSON.parse(data);
  if (retry_ms !== NO_RETRY) received_retry_ms = retry_ms;
  const named = last_event_id !== null;
  note("request", named ? fill(words.told.resumes, { id: last_event_id }) : words.told.starts);
}

function noteError() {
  if (source.readyState === EventSource.CLOSED) {
    note("error", words.told.gave_up[answer()]);
    if (answer() !== "stream") steps.see(answer());
    return;
  }
  failures += 1;
  const first = lost_at === undefined;
  lost_at ??= performance.now();
  const wait = received_retry_ms
    ? fill(words.told.wait, { wait: shortDuration(received_retry_ms) })
    : words.told.own_time;
  note("error", fill(first ? words.told.lost : words.told.failed, { wait }));
}

byId("open").addEventListener("click", () => {
  const again = source?.readyState === EventSource.CLOSED;
  open();
  if (again && answer() === "stream") steps.see("new");
});
byId("close").addEventListener("click", () => {
  source.close();
  note("close()", words.told.closed);
});
byId("cut").addEventListener("click", async () => {
  try {
    byId("problem").textContent = "";
    await cutOwnLanes(cut_s);
  } catch (error) {
    byId("problem").textContent = fill(common.failed, { error: errorText(error) });
  }
});
byId("clear").addEventListener("click", () => log.clear());
for (const choice of document.querySelectorAll("input[name='answer']")) {
  choice.addEventListener("change", setCookies);
}
slider(byId("retry"), {
  values: [NO_RETRY, 200, 1000, 3000, 5000, 10_000],
  value: retry_ms,
  format: (ms) => (ms === NO_RETRY ? words.no_retry : shortDuration(ms)),
  onChange(ms) {
    retry_ms = ms;
    setCookies();
  },
});
slider(byId("cut-seconds"), {
  values: [0, 3, 5, 10, 20],
  value: cut_s,
  format: (n) => (n === 0 ? words.cut_only : seconds(n)),
  onChange(n) {
    cut_s = n;
  },
});
// The browser keeps a page that was left, with its connections: see transport/mod.js.
addEventListener("pagehide", () => source?.close());
showState();
