// The machine and its settings, in words.

const MACHINE = {
  cpu: ["Processor", (v) => v],
  cores: ["Cores", (v) => String(v)],
  kernel: ["Kernel", (v) => v],
  memory_bytes: ["Memory", (v) => quantity(v, "B")],
  open_files: ["Open files", (v) => count(v)],
  port_range: ["Local ports", (v) => v.join("–")],
  accept_queue: ["Accept queue", (v) => count(v)],
  clock_resolution_ns: ["Clock resolution", (v) => withUnit(count(v), "ns")],
  wirebench: ["wirebench", (v) => v],
  commit: ["Commit", (v) => v],
  profile: ["Build profile", (v) => v],
  allocator: ["Allocator", (v) => v],
  started: ["Started", (v) => v.replace("T", " ").replace(/Z$/, " UTC")],
  seed: ["Seed", (v) => String(v)],
  loadgen_workers: ["Load generator threads", (v) => String(v)],
  server_workers: ["Server threads", (v) => String(v)],
  tags: ["Tags", (v) => Object.entries(v).map(([key, tag]) => `${key}=${tag}`).join(", ")],
};

/** The settings of both ends, in words. Each value may be a list, as in the scenario. */
const BOTH_ENDS = {
  tcp_nodelay: ["Nagle’s algorithm", (v) => (v ? "off (TCP_NODELAY)" : "on")],
  compression: ["Compression", (v) => (v ? "on" : "off")],
  http_version: ["HTTP", (v) => (v === 1 ? "HTTP/1.1" : `HTTP/${v}`)],
  tls: ["TLS", (v) => (v ? "on" : "off")],
  connections: ["Connections", (v) => ({ own: "one for each subscriber", shared: "shared by subscribers" }[v] ?? v)],
  connections_per_subscriber: ["Connections", (v) => `${v} for each subscriber`],
};

/** The text of a fact that has no entry above. */
function plainFact(v) {
  if (Array.isArray(v)) return v.map(plainFact).join(", ");
  if (typeof v === "boolean") return v ? "yes" : "no";
  if (v !== null && typeof v === "object") return Object.entries(v).map(([key, one]) => `${fromKey(key)} ${plainFact(one)}`).join(", ");
  return String(v);
}

const bothEnds = (key, v) => [v].flat().map(BOTH_ENDS[key]?.[1] ?? plainFact).join(", ");
const isEmpty = (v) => v === null || (typeof v === "object" && Object.keys(v).length === 0);
const fromKey = (key) => key.replaceAll("_", " ");

function machineFacts(machine) {
  const { settings = {}, ...facts } = machine ?? {};
  const keys = [...Object.keys(MACHINE).filter((key) => key in facts), ...Object.keys(facts).filter((key) => !(key in MACHINE))];
  const said = (key, v) => {
    try { return MACHINE[key][1](v); } catch { return plainFact(v); }
  };
  return [
    ...keys.filter((key) => !isEmpty(facts[key]))
      .map((key) => [MACHINE[key]?.[0] ?? fromKey(key), said(key, facts[key])]),
    ...Object.entries(settings ?? {}).filter(([, v]) => !isEmpty(v))
      .map(([key, v]) => [BOTH_ENDS[key]?.[0] ?? fromKey(key), bothEnds(key, v)]),
  ];
}

function machineOf(source, open) {
  const facts = machineFacts(source.machine);
  if (facts.length === 0) return h("p", { class: "absent" }, `The machine was not recorded (no machine.json in ${source.name}).`);
  const list = h("dl", { class: "facts" }, facts.map(([key, v]) => h("div", {}, h("dt", {}, key), h("dd", {}, v))));
  if (open) return list;
  return h("details", {}, h("summary", {}, `Machine of ${source.name}`), list);
}
