// The controls of the feed `demo`, of its link and of the polls: controls.html, brought to life.

import { refusal } from "./refusal.js";
import { learn, post, put, watch } from "./server.js";
import { slider } from "./slider.js";
import { briefly, bytes, common, count, fill, milliseconds } from "./words.js";

/** What is set. Rate, payload and link belong to the server, interval and hold to this page. */
export const setting = {
  rate: 2,
  payload_bytes: 64,
  link_ms: 0,
  interval_ms: 1000,
  hold_ms: 25_000,
};

/** Seconds for which the button cuts the connections; the words of the button say so too. */
const CUT_S = 3;
/** How long it stands that the feed was started, and that something failed. */
const STARTED_MS = 5_000;
const FAILURE_MS = 15_000;

const words = common.controls;
const element = (id) => document.getElementById(id);

/** Makes the controls work, and calls back when a setting has changed, whoever changed it. */
export function controls(changed = () => {}) {
  const shared = [...document.querySelectorAll("[data-shared]")];
  let state;

  const sliders = {
    rate: slider(element("rate"), {
      values: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100],
      value: setting.rate,
      format: (rate) => fill(words.per_second, { n: count(rate, rate < 1 ? 1 : 0) }),
      on: (rate) => rest("/demo/publisher", { rate }),
    }),
    payload: slider(element("payload"), {
      values: [2, 16, 64, 256, 1024, 4096, 16_384],
      value: setting.payload_bytes,
      format: bytes,
      on: (payload_bytes) => rest("/demo/publisher", { payload_bytes }),
    }),
    link: slider(element("link"), {
      values: [0, 10, 25, 50, 100, 200, 500, 1000],
      value: setting.link_ms,
      format: (ms) => milliseconds(ms),
      on: (delay_ms) => rest("/demo/link", { delay_ms }),
    }),
  };
  const own = (name, values) =>
    slider(element(name), {
      values,
      value: setting[`${name}_ms`],
      format: briefly,
      on(ms) {
        setting[`${name}_ms`] = ms;
        changed();
      },
    });
  own("interval", [100, 200, 500, 1000, 2000, 5000, 10_000]);
  own("hold", [1000, 2000, 5000, 10_000, 25_000, 60_000]);

  // A slider that is dragged goes through many values: the server is told where it came to rest.
  let wanted = {};
  let resting;
  function rest(path, part) {
    wanted[path] = { ...wanted[path], ...part };
    clearTimeout(resting);
    resting = setTimeout(() => {
      const all = wanted;
      wanted = {};
      for (const [to, parts] of Object.entries(all)) {
        tell(put, to, to === "/demo/publisher" ? { ...publisher(), ...parts } : parts);
      }
    }, 200);
  }

  function publisher() {
    const { rate, payload_bytes, publishing } = state ?? {};
    return { rate, payload_bytes, publishing };
  }

  // What a button came to stands for as long as it is true: `for_ms`, or until the server is seen in a
  // state in which it is `over`.
  let over;
  let ending;
  function say(text, { for_ms, over: when } = {}) {
    clearTimeout(ending);
    element("answer").textContent = text;
    over = when;
    if (for_ms) ending = setTimeout(() => say(""), for_ms);
  }

  async function tell(method, path, body, said = "", standing = {}) {
    try {
      const next = await method(path, body);
      if (next?.life) learn(next);
      say(said, standing);
    } catch (error) {
      say(fill(common.failed, { error: refusal(error) }), { for_ms: FAILURE_MS });
    }
  }

  element("cut").addEventListener("click", () =>
    tell(post, "/demo/cut", { seconds: CUT_S }, fill(words.said.cut, { seconds: CUT_S }), { for_ms: CUT_S * 1000 }),
  );
  element("restart").addEventListener("click", () => {
    const { life } = state;
    tell(post, "/demo/restart", {}, words.said.restart, { over: (now) => now.life !== life });
  });
  element("feed").addEventListener("click", () => {
    const publishing = !state.publishing;
    const said = publishing ? words.said.started : words.said.stopped;
    const standing = publishing ? { for_ms: STARTED_MS } : { over: (now) => now.publishing };
    tell(put, "/demo/publisher", { ...publisher(), publishing }, said, standing);
  });

  watch(({ here, state: next }) => {
    if (here && over?.(next)) say("");
    for (const control of shared) control.disabled = !here || !next?.may_control;
    element("denied").hidden = !next || next.may_control;
    if (!next) return;
    const names = ["rate", "payload_bytes", "link_delay_ms", "publishing"];
    const differs = names.some((name) => next[name] !== state?.[name]);
    state = next;
    if (!differs) return;
    setting.rate = state.rate;
    setting.payload_bytes = state.payload_bytes;
    setting.link_ms = state.link_delay_ms;
    sliders.rate.set(state.rate);
    sliders.payload.set(state.payload_bytes);
    sliders.link.set(state.link_delay_ms);
    element("feed").textContent = state.publishing ? words.stop : words.start;
    changed();
  });
}
