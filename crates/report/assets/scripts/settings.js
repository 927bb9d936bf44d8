// What settings and metrics are called, and how their values are written.

/** What each poll asks for. */
const POLL_MODES = { cursor: "after a cursor", table: "after a cursor, from the table", whole: "the whole table" };

/** The names of settings, and how each is said with its value: `1 000 subscribers`, `25 ms link delay`. */
const SETTINGS = {
  scenario: { name: "scenario", say: (v) => v },
  http_version: { name: "HTTP version", say: (v) => `HTTP/${v}` },
  tls: { name: "TLS", say: (v) => (v ? "TLS" : "no TLS") },
  subscribers: { name: "subscribers", say: (v) => plural(v, "subscriber") },
  rate_per_s: { name: "messages per second", say: (v) => `${count(v)} messages/s` },
  timers: { name: "timers", say: (v) => (v === "one" ? "one timer" : "a timer per connection") },
  payload_bytes: { name: "payload", say: (v) => `${exactly(v, "B")} payload`, unit: "B" },
  payload_kind: { name: "payload kind", say: (v) => (v === "json" ? "JSON" : v) },
  payload_source: { name: "payload file", say: (v) => v },
  link_delay_us: { name: "link delay", say: (v) => `${exactly(v, "µs")} link delay`, unit: "µs" },
  link_jitter_us: { name: "link jitter", say: (v) => `${exactly(v, "µs")} jitter`, unit: "µs" },
  poll_interval_us: { name: "poll interval", say: (v) => `every ${exactly(v, "µs")}`, unit: "µs" },
  short_polling_mode: { name: "polls", say: (v) => POLL_MODES[v] ?? v },
  hold_us: { name: "hold", say: (v) => `hold ${exactly(v, "µs")}`, unit: "µs" },
  poll_cursor: { name: "poll cursor", say: (v) => (v ? "with a cursor" : "without a cursor") },
  push_timer_us: { name: "push timer", say: (v) => (v > 0 ? `timer of ${exactly(v, "µs")}` : "no push timer"), unit: "µs" },
  socket_io_mode: { name: "Socket.IO mode", say: (v) => v },
  store: { name: "store", say: (v) => (v === "memory" ? "in memory" : `in ${v}`) },
  http_stack: { name: "HTTP stack", say: (v) => (v === "own" ? "own HTTP stack" : `HTTP by ${v}`) },
  pace: { name: "pace", say: (v) => `${v} pace` },
  window_messages: { name: "feed window", say: (v) => `window of ${count(v)}` },
  connections: { name: "connections", say: (v) => `${v} connections` },
  headers: { name: "headers", say: (v) => `${v} headers` },
  reconnect: { name: "reconnect policy", say: (v) => `reconnect ${v}` },
  ramp_s: { name: "ramp", say: (v) => `${exactly(v, "s")} ramp`, unit: "s" },
};

const settingName = (name) => SETTINGS[name]?.name ?? name;

/** A setting with its name and value. */
function settingText(name, value) {
  if (value === null) return `no ${settingName(name)}`;
  return SETTINGS[name]?.say(value) ?? `${name} ${value}`;
}

/** The value of a setting without its name. */
function settingValue(name, value) {
  if (value === null) return ABSENT;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return isNumber(value) ? exactly(value, SETTINGS[name]?.unit ?? "") : String(value);
}

/** The names of metrics in titles. */
const METRICS = {
  delivery_p50_us: "Delivery, p50",
  delivery_p99_us: "Delivery, p99",
  delivery_max_us: "Delivery, longest",
  missing: "Missing deliveries",
  reconnects: "Reconnects",
  requests: "Requests",
  empty_responses: "Empty answers",
  bytes_per_message: "Bytes per message",
  server_cpu_us_per_message: "Server CPU per message",
  server_cpu_floor_ratio: "Server CPU per message, in bare writes",
  server_rss_per_subscriber_bytes: "Server memory per subscriber",
  server_rss_peak_bytes: "Server memory, peak",
};

const metricName = (name) => METRICS[name] ?? name;
