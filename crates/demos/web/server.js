// Questions to the server about the demos, and whether it is there. None of this belongs to a lane.

/** Names this tab in lane tags: 8 hexadecimal digits. */
export const tab = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("");

/** The tag of a lane of this tab: a transport's name, or any [a-z0-9-]. */
export const lane = (name) => `${tab}.${name}`;

/** The server answered, and not as hoped. */
export class Refused extends Error {
  constructor(status, { error, hint } = {}) {
    super(error ?? String(status));
    this.name = "Refused";
    this.status = status;
    this.hint = hint;
  }
}

const WITHIN_MS = 5000;

/** `GET path` as JSON. Throws `Refused` when the server says no, anything else when it is not there. */
export const get = (path) => ask("GET", path);

/** `PUT path` with a JSON body. */
export const put = (path, body) => ask("PUT", path, body);

/** `POST path` with a JSON body. */
export const post = (path, body) => ask("POST", path, body);

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    signal: AbortSignal.timeout(WITHIN_MS),
    ...(body !== undefined && {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const text = await answer.text();
  let said;
  try {
    said = text ? JSON.parse(text) : undefined;
  } catch {
    said = { error: text };
  }
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

const listeners = new Set();
let last = { here: undefined, state: undefined, returned: false };
let timer;

/**
 * Calls back once a second with `{ here, state, returned }`: whether the server answers, what
 * `/demo/state` said last, and whether it has just come back from being away or begun a new life.
 * Returns a function that ends it.
 */
export function watch(on) {
  listeners.add(on);
  if (last.here !== undefined) on({ ...last, returned: false });
  if (timer === undefined) look();
  return () => listeners.delete(on);
}

/** Tells all watchers of a state that an answer brought, without waiting for the next look. */
export function learn(state) {
  tell({ here: true, state });
}

let paused = false;

/**
 * Ends the look-out until `resume()`: for the page that uses up the browser's connections on purpose,
 * where the question would wait in line and the server seem to be away.
 */
export function pause() {
  paused = true;
}

/** Looks again; see `pause`. */
export function resume() {
  if (!paused) return;
  paused = false;
  look();
}

async function look() {
  clearTimeout(timer);
  timer = null;
  let said;
  try {
    said = { here: true, state: await get("/demo/state") };
  } catch {
    said = { here: false, state: last.state };
  }
  if (paused) return;
  tell(said);
  timer = setTimeout(look, 1000);
}

function tell({ here, state }) {
  const returned =
    here && last.here !== undefined && (!last.here || state.life !== last.state?.life);
  last = { here, state, returned };
  for (const listener of listeners) listener(last);
}
