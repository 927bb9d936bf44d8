// The controls of the feed `demo`, of its link and of the polls: templates/controls.html.

import { byId } from "./elements.js";
import { bytes, count, fill, milliseconds, shortDuration } from "./format.js";
import { common } from "./page_data.js";
import { post, put } from "./server/api.js";
import { errorText } from "./server/error_text.js";
import { reportState, watchServer } from "./server/status.js";
import { slider } from "./slider.js";

/**
 * The present settings. Rate, payload and link are the server's, interval and hold are this page's.
 */
export const settings = {
  rate: 2,
  payload_bytes: 64,
  link_ms: 25,
  interval_ms: 1000,
  hold_ms: 25_000,
};

/** The seconds for which the button cuts the connections. The text of the button says so too. */
const CUT_S = 3;
/** How long the notices of a started feed and of a failure stay. */
const STARTED_MS = 5_000;
const FAILURE_MS = 15_000;
/** How long a slider must rest before the server is told: moving it goes through many values. */
const REST_MS = 200;

const words = common.controls;

/** Makes the controls work. `onChange` is called after each change of a setting. */
export function startControls(onChange = () => {}) {
  const controls = new DemoControls(onChange);
  watchServer((status) => controls.showStatus(status));
}

class DemoControls {
  #onChange;
  #shared = [...document.querySelectorAll("[data-shared]")];
  #sliders;
  /** The last state of the server. */
  #state;
  /** What the sliders have changed and the server was not told yet, by path. */
  #pending = {};
  #rest_timer;
  #notice = new Notice(byId("answer"));

  constructor(onChange) {
    this.#onChange = onChange;
    this.#sliders = this.#makeSharedSliders();
    this.#makeOwnSlider("interval", [100, 200, 500, 1000, 2000, 5000, 10_000]);
    this.#makeOwnSlider("hold", [1000, 2000, 5000, 10_000, 25_000, 60_000]);
    byId("cut").addEventListener("click", () => this.#cut());
    byId("restart").addEventListener("click", () => this.#restart());
    byId("feed").addEventListener("click", () => this.#toggleFeed());
  }

  showStatus({ here, state }) {
    if (here) this.#notice.update(state);
    for (const control of this.#shared) control.disabled = !here || !state?.may_control;
    byId("denied").hidden = !state || state.may_control;
    if (!state) return;
    const names = ["rate", "payload_bytes", "link_delay_ms", "publishing"];
    const changed = names.some((name) => state[name] !== this.#state?.[name]);
    this.#state = state;
    if (!changed) return;
    settings.rate = state.rate;
    settings.payload_bytes = state.payload_bytes;
    settings.link_ms = state.link_delay_ms;
    this.#sliders.rate.set(state.rate);
    this.#sliders.payload.set(state.payload_bytes);
    this.#sliders.link.set(state.link_delay_ms);
    byId("feed").textContent = state.publishing ? words.stop : words.start;
    this.#onChange();
  }

  #makeSharedSliders() {
    return {
      rate: slider(byId("rate"), {
        values: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100],
        value: settings.rate,
        format: (rate) => fill(words.per_second, { n: count(rate, rate < 1 ? 1 : 0) }),
        onChange: (rate) => this.#changeLater("/demo/publisher", { rate }),
      }),
      payload: slider(byId("payload"), {
        values: [2, 16, 64, 256, 1024, 4096, 16_384],
        value: settings.payload_bytes,
        format: bytes,
        onChange: (payload_bytes) => this.#changeLater("/demo/publisher", { payload_bytes }),
      }),
      link: slider(byId("link"), {
        values: [0, 10, 25, 50, 100, 200, 500, 1000],
        value: settings.link_ms,
        format: (ms) => milliseconds(ms),
        onChange: (delay_ms) => this.#changeLater("/demo/link", { delay_ms }),
      }),
    };
  }

  #makeOwnSlider(name, values) {
    slider(byId(name), {
      values,
      value: settings[`${name}_ms`],
      format: shortDuration,
      onChange: (ms) => {
        settings[`${name}_ms`] = ms;
        this.#onChange();
      },
    });
  }

  #changeLater(path, change) {
    this.#pending[path] = { ...this.#pending[path], ...change };
    clearTimeout(this.#rest_timer);
    this.#rest_timer = setTimeout(() => this.#sendPending(), REST_MS);
  }

  #sendPending() {
    const changes = Object.entries(this.#pending);
    this.#pending = {};
    for (const [path, change] of changes) {
      const all = path === "/demo/publisher" ? { ...this.#publisher(), ...change } : change;
      this.#send(put, path, all);
    }
  }

  #publisher() {
    const { rate, payload_bytes, publishing } = this.#state ?? {};
    return { rate, payload_bytes, publishing };
  }

  #cut() {
    const text = fill(words.said.cut, { seconds: CUT_S });
    this.#send(post, "/demo/cut", { seconds: CUT_S }, { text, for_ms: CUT_S * 1000 });
  }

  #restart() {
    const { life } = this.#state;
    const notice = { text: words.said.restart, until: (state) => state.life !== life };
    this.#send(post, "/demo/restart", {}, notice);
  }

  #toggleFeed() {
    const publishing = !this.#state.publishing;
    const notice = publishing
      ? { text: words.said.started, for_ms: STARTED_MS }
      : { text: words.said.stopped, until: (state) => state.publishing };
    this.#send(put, "/demo/publisher", { ...this.#publisher(), publishing }, notice);
  }

  async #send(method, path, body, notice = { text: "" }) {
    try {
      const state = await method(path, body);
      if (state?.life) reportState(state);
      this.#notice.show(notice);
    } catch (error) {
      const text = fill(common.failed, { error: errorText(error) });
      this.#notice.show({ text, for_ms: FAILURE_MS });
    }
  }
}

/** The text that says what a button has done. It stays for as long as it is true. */
class Notice {
  #element;
  #until;
  #timer;

  constructor(element) {
    this.#element = element;
  }

  /** Shows a text for `for_ms`, or until the server's state fulfils the condition `until`. */
  show({ text, for_ms, until }) {
    clearTimeout(this.#timer);
    this.#element.textContent = text;
    this.#until = until;
    if (for_ms) this.#timer = setTimeout(() => this.show({ text: "" }), for_ms);
  }

  update(state) {
    if (this.#until?.(state)) this.show({ text: "" });
  }
}
