// The page: the answer first, then what it rests on.

const state = {
  /** For each setting that varies, the value that is shown. */
  setting: {},
  hidden: new Set(),
  /** The setting that growth is drawn over. */
  against: null,
  /** Colours for paper, whatever the screen has. */
  printing: false,
};
const charts = [];
const latest = Math.max(...data.sources.map((_, at) => at), 0);

const matches = (line, except) =>
  shared.every((name) => name === except || line.settings[name] === state.setting[name]);
const visible = (line) => !state.hidden.has(lineKind(line));
const shownLines = () => lines.filter((line) => matches(line) && visible(line));

/** The largest value of each setting at which most lines have a usable run. */
function choose() {
  const at = (name, v) => lines.filter((line) => line.settings[name] === v && line.usable).length;
  for (const name of shared) {
    const values = distinct(lines.map((line) => line.settings[name]));
    const most = Math.max(...values.map((v) => at(name, v)));
    state.setting[name] = values.findLast((v) => at(name, v) === most) ?? values.at(-1);
  }
  const numeric = varying.filter((name) => runs.every((run) => [null, "number"].includes(setting(run, name) === null ? null : typeof setting(run, name))));
  state.sweeps = numeric.map((name) => [name, distinct(runs.map((run) => setting(run, name)).filter((v) => v !== null))])
    .filter(([, values]) => values.length > 1)
    .sort((a, b) => b[1].length - a[1].length);
  state.against = state.sweeps[0]?.[0] ?? null;
}

const sections = [];
/** What the longer titles are called in the list of contents. */
const SHORT = { answer: data.view === "trend" ? "Latest" : "Answer", latency: "Percentiles", distribution: "Distribution", requests: "Requests", theory: "Theory" };

function section(id, name, ...children) {
  sections.push([id, SHORT[id] ?? name]);
  return h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, name), children);
}

/** A chart with its title, how to read it, and the same as a table. */
function chart(id, name, read, draw, select = shownLines) {
  const plot = h("div", { class: "plot", role: "img" });
  resized.observe(plot);
  const note = h("p", { class: "chart-note" });
  const table = h("div", { class: "chart-data" });
  charts.push({ id, name, draw, select, plot, note, table });
  return h("figure", { id: `chart-${id}` },
    h("figcaption", {}, name ? h("h3", {}, name) : null, read ? h("p", {}, read) : null), plot, note, table);
}

function layoutOf(layout) {
  const [ink, muted, rule, paper] = ["--ink", "--muted", "--rule", "--paper"].map(css);
  const axis = {
    gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true, fixedrange: COARSE,
    tickangle: 0, layer: "below traces", tickfont: { color: muted, size: 12 }, ticks: "outside", ticklen: 4, tickcolor: rule, zeroline: false,
  };
  const merged = {
    font: { family: css("--font"), color: ink, size: 13 }, paper_bgcolor: paper, plot_bgcolor: paper,
    margin: { l: 48, r: 16, t: 8, b: 44, ...layout.margin }, showlegend: false, dragmode: COARSE ? false : "zoom",
    hoverlabel: { bgcolor: paper, bordercolor: muted, font: { color: ink, family: css("--font"), size: 13 }, align: "left" },
    hovermode: "closest", separators: `.${NO_BREAK}`, ...layout,
  };
  merged.margin = { l: 48, r: 16, t: 8, b: 44, ...layout.margin };
  for (const name of Object.keys(merged).filter((key) => /^[xy]axis\d*$/.test(key))) {
    merged[name] = { ...axis, ...merged[name] };
    if (merged[name].title) merged[name].title = { standoff: 8, font: { color: muted, size: 12 }, ...merged[name].title };
  }
  return merged;
}

const COARSE = matchMedia("(pointer: coarse)").matches;
const CONFIG = {
  displaylogo: false, displayModeBar: false, doubleClick: "reset",
};

/** Charts follow their place, which changes with the window and without it: at once, and while it
 * keeps changing, a few times a second. */
const resized = new ResizeObserver(() => {
  clearTimeout(follow.later);
  const wait = follow.last + 200 - performance.now();
  if (wait <= 0) follow();
  else follow.later = setTimeout(follow, wait);
});

function follow() {
  follow.last = performance.now();
  if (state.printing) return;
  charts.filter(({ plot }) => plot.layout && plot.clientWidth > 0 && Math.abs(plot.clientWidth - plot.layout.width) > 1)
    .forEach(drawChart);
}
follow.last = -Infinity;

/** Leaves out tick labels that would run into the one before. */
function thin(axis, width) {
  if (!axis.tickvals || !axis.range) return;
  const [from, to] = axis.range;
  let free = -Infinity;
  axis.ticktext = axis.ticktext.map((text, n) => {
    const place = axis.type === "log" ? Math.log10(axis.tickvals[n]) : axis.tickvals[n];
    const centre = ((place - from) / (to - from)) * (width - 80);
    const half = Math.max(...text.split("<br>").map((part) => part.length)) * 3.6 + 2;
    if (place < from || place > to || centre - half < free) return "";
    free = centre + half;
    return text;
  });
}

const PRINT_WIDTH = 680; // what A4 leaves between its margins

function drawChart({ name, id, draw, select, plot, note, table }) {
  const drawn = draw(select());
  note.textContent = drawn.note ?? "";
  plot.classList.toggle("absent", "absent" in drawn);
  if (drawn.absent) {
    if (plot.data) Plotly.purge(plot);
    plot.removeAttribute("role");
    plot.removeAttribute("aria-label");
    plot.style.height = "";
    plot.replaceChildren(h("p", {}, drawn.absent));
    table.replaceChildren();
    return;
  }
  if (!plot.data) plot.replaceChildren();
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${name}. ${drawn.summary.join("; ")}. The table below has the values.`);
  const layout = layoutOf(drawn.layout);
  plot.style.height = `${layout.height}px`;
  const onPaper = plot.closest(".pair") ? PRINT_WIDTH / 2 - 12 : PRINT_WIDTH;
  layout.width = state.printing ? onPaper : plot.clientWidth;
  thin(layout.xaxis, layout.width);
  // What is solid goes below what is broken: where lines lie on each other, both are seen.
  const traces = drawn.layout.barmode ? drawn.traces : [...drawn.traces].reverse();
  Plotly.react(plot, traces, layout, CONFIG);
  const was = table.querySelector("details")?.open ?? false;
  const details = disclosure("Values", () => plainTable({ caption: `${name}: values`, ...drawn.table }));
  const save = () => Plotly.downloadImage(plot, { format: "png", filename: `wirebench-${id}`, scale: 2 });
  table.replaceChildren(details, h("button", { type: "button", onclick: save }, "Save as PNG"));
  details.open = was;
}

let drawing = 0;

/** One after the other, so that the page answers in between. */
async function drawAll() {
  const turn = ++drawing;
  for (const one of charts) {
    if (turn !== drawing) return;
    drawChart(one);
    await new Promise((resume) => { setTimeout(resume, 0); });
  }
  document.documentElement.dataset.drawn = String(charts.length);
}

function redrawNow() {
  drawing += 1;
  charts.forEach(drawChart);
}

// --- The answer -----------------------------------------------------------------------------

/** Names in a row: `a, b and c`. */
const listed = (names) => [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");

/** Who is first, in a sentence for each of what matters most. Several share a place that the runs
 * do not tell apart. */
function inShort(some) {
  const usable = some.filter((line) => line.usable && !line.disturbed);
  const disturbed = some.filter((line) => line.usable && line.disturbed);
  const judged = [
    ["Soonest at p99", "delivery_p99_us", (v) => withUnit(inMillis(v), "ms"), (x) => `takes ${x} times as long`],
    ["Fewest bytes per message", "bytes_per_message", (v) => quantity(v, "B"), (x) => `needs ${x} times as many`],
    ["Least server CPU per message", "server_cpu_us_per_message", (v) => quantity(v, "µs"), (x) => `needs ${x} times as much`],
  ];
  return judged.map(([what, name, say, more]) => {
    const ranked = usable.map((line) => [line, middle(line, name)]).filter(([, v]) => isNumber(v))
      .sort((a, b) => a[1] - b[1]);
    if (ranked.length < 2) return null;
    const first = ranked.filter(([line]) => isBest(line, name));
    // Where a disturbed line reads better all the same, nobody is called first.
    if (first.length === 0 && disturbed.length > 0) return null;
    const sharing = first.length > 0 ? first : ranked;
    const values = distinct(sharing.map(([, v]) => v)).map(say);
    const span = values[0] === values.at(-1) ? values[0] : `${values[0]} to ${values.at(-1)}`;
    const [[, lowest]] = sharing;
    const [last, most] = ranked.at(-1);
    return h("div", {}, h("dt", {}, what), h("dd", {},
      h("strong", {}, listed(sharing.map(([line]) => lineName(line)))), ", ", h("span", { class: "number" }, span),
      sharing.length > 1 ? ` (${values[0] === values.at(-1) ? "the same" : "too close to tell apart"}). ` : ". ",
      lowest > 0 && !sharing.some(([line]) => line === last)
        ? `${lineName(last)} ${more(significant(most / lowest))}.` : ""));
  });
}

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
  started: ["Started", (v) => v.replace("T", " ").replace(/Z$/, " UTC")],
  seed: ["Seed", (v) => String(v)],
  loadgen_workers: ["Load generator threads", (v) => String(v)],
  server_workers: ["Server threads", (v) => String(v)],
  tags: ["Tags", (v) => Object.entries(v).map(([key, tag]) => `${key}=${tag}`).join(", ")],
};

/** Settings of both ends, in words; each value may be a list of those that the scenario has. */
const BOTH_ENDS = {
  tcp_nodelay: ["Nagle’s algorithm", (v) => (v ? "off (TCP_NODELAY)" : "on")],
  compression: ["Compression", (v) => (v ? "on" : "off")],
  http_version: ["HTTP", (v) => (v === 1 ? "HTTP/1.1" : `HTTP/${v}`)],
  tls: ["TLS", (v) => (v ? "on" : "off")],
  connections: ["Connections", (v) => ({ own: "one for each subscriber", shared: "shared by subscribers" }[v] ?? v)],
  connections_per_subscriber: ["Connections", (v) => `${v} for each subscriber`],
};

/** A fact that has no words of its own. */
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

/** What keeps the numbers from being used, or from meaning what they seem to. */
function warnings() {
  const invalid = runs.filter((run) => !isValid(run));
  const several = data.sources.length > 1;
  const items = invalid.map((run) => {
    const line = lines.find((one) => one.all.includes(run));
    return h("li", {}, h("strong", {}, runName(run)), several ? ` (${run.source.name})` : "",
      line.usable ? ", left out: " : ", do not use: ", value(run, "invalid_reason") ?? "no reason given");
  });
  items.push(...runs.filter((run) => isValid(run) && disturbance(run) !== null).map((run) =>
    h("li", {}, h("strong", {}, runName(run)), several ? ` (${run.source.name})` : "",
      ", disturbed: ", disturbance(run))));
  const notes = [];
  for (const source of data.sources) {
    const where = several ? `${source.name}: ` : "";
    notes.push(...source.warnings.map((text) => where + text));
    if (source.runs.length > 0 && !source.runs.some((run) => run.seconds)) notes.push(`${where}There is no timeline of these runs (timeline.csv).`);
  }
  const without = [...new Set(runs.filter((run) => number(run, "server_cpu_s") === null).map((run) => title(value(run, "transport"))))];
  if (without.length > 0) notes.push(`The server's cost was not measured for ${without.join(", ")}.`);
  items.push(...notes.map((text) => h("li", {}, text)));
  if (data.comparison) {
    if (data.comparison.advice) items.push(h("li", {}, data.comparison.advice));
    const differing = data.comparison.differences.map(({ about, field, base, new: fresh }) =>
      h("li", {}, h("strong", {}, `${about} differs: ${field}`), `, base ${base.join(", ")}, new ${fresh.join(", ")}`));
    items.push(...(differing.length <= 2 ? differing : [h("li", {}, h("details", {},
      h("summary", {}, `${count(differing.length)} things differ besides what was measured`), h("ul", {}, differing)))]));
    items.push(...data.comparison.unpaired.map(({ transport, setting: at, base_valid: base, new_valid: fresh }) =>
      h("li", {}, h("strong", {}, comparedName({ transport, setting: at })),
        ` has no partner: ${plural(base, "valid run")} of base, ${plural(fresh, "valid run")} of new`)));
  }
  if (items.length === 0) return h("p", { class: runs.length > 0 ? "fine" : "absent" }, runs.length > 0 ? `No warnings: ${runs.length === 1 ? "the run is" : `all ${count(runs.length)} runs are`} valid.` : "There are no runs.");
  const heading = invalid.length > 0 ? `${plural(invalid.length, "invalid run")} of ${count(runs.length)}` : "Before you use these numbers";
  return h("div", { class: "warning" }, h("h3", {}, heading), h("ul", {}, items));
}

// --- Controls -------------------------------------------------------------------------------

function controls(which) {
  const selects = which.map((name) => {
    const values = distinct(lines.map((line) => line.settings[name]));
    const select = h("select", { id: `setting-${name}`, onchange: () => { state.setting[name] = values[select.selectedIndex]; changed(); } },
      values.map((v) => h("option", { selected: v === state.setting[name] }, settingValue(name, v))));
    return h("label", { for: `setting-${name}` }, settingName(name), select);
  });
  const chips = h("fieldset", { class: "chips" }, h("legend", {}, "Shown"), h("div", {}, kinds.map((line) => {
    const kind = lineKind(line);
    const box = h("input", { type: "checkbox", checked: true, onchange: () => {
      if (box.checked) state.hidden.delete(kind); else state.hidden.add(kind);
      drawAll();
    } });
    const chip = h("label", {}, box, sample(line), h("span", {}, lineName(line)));
    themed.push(() => chip.replaceChild(sample(line), chip.querySelector("svg")));
    return chip;
  })));
  return h("form", { class: "controls", "aria-label": "What the charts show", onsubmit: (event) => event.preventDefault() }, selects, chips);
}

/** What has to be made again when a setting or the colours change. */
const themed = [];
const dependent = [];
function following(make) {
  const place = h("div", {}, make());
  dependent.push(() => place.replaceChildren(...[make()].flat()));
  return place;
}

function changed() {
  dependent.forEach((make) => make());
  drawAll();
}

// --- The page -------------------------------------------------------------------------------

function head() {
  const [first] = data.sources;
  const names = [...new Set(data.sources.map((source) => source.scenario))];
  const about = [...new Set(data.sources.map((source) => source.about).filter(Boolean))];
  const kind = {
    run: "Report", overlay: "Comparison", trend: `Trend over ${plural(data.sources.length, "run folder")}`,
  }[data.view];
  const transports = distinct(runs.map((run) => value(run, "transport"))).length;
  const facts = [
    data.view === "overlay"
      ? `${data.sources.filter((s) => s.side === 0).map((s) => s.name).join(", ")} against ${data.sources.filter((s) => s.side === 1).map((s) => s.name).join(", ")}`
      : data.view === "run" ? first?.name : null,
    plural(runs.length, "run"), plural(transports, "transport"),
    data.view === "run" && first?.machine?.started ? MACHINE.started[1](String(first.machine.started)) : null,
  ].filter(Boolean);
  document.getElementById("head").append(
    h("p", { class: "kind" }, `wirebench · ${kind} · `, h("span", {}, names.join(", "))),
    h("h1", {}, about.length === 1 ? about[0] : names.join(", ")),
    h("p", { class: "sub" }, facts.join(" · ")));
}

function answer() {
  const latestLines = data.view === "trend" ? lines.filter((line) => line.folder === latest) : lines;
  if (runs.length === 0) return section("answer", "The answer", warnings());
  const atSetting = () => {
    const items = inShort(latestLines.filter((line) => matches(line))).filter(Boolean);
    const where = shared.map((name) => settingText(name, state.setting[name])).join(", ");
    return items.length === 0 ? h("div", {}) : h("div", {},
      shared.length > 0 ? h("p", { class: "at" }, `At ${where}`) : null, h("dl", { class: "short" }, items));
  };
  const title1 = data.view === "trend" ? `The latest: ${data.sources[latest].name}` : "The answer";
  const table = h("div", {}, answerTables(latestLines));
  const remake = () => table.replaceChildren(...answerTables(latestLines));
  themed.push(remake);
  NARROW.forEach((query) => query.addEventListener("change", remake));
  return section("answer", title1,
    data.comparison ? [verdictsInShort(data.comparison), verdictTable(data.comparison)] : null,
    data.comparison ? h("p", { class: "chart-note" }, `A change below ${percent(data.comparison.noise_threshold)} does not matter. Intervals hold together for all metrics; a verdict needs several runs on either side.`) : null,
    data.view === "overlay" ? null : following(atSetting), warnings(), table, h("p", { class: "table-note" }, answerNotes(latestLines)));
}

/** Where the numbers come from: after what they say. */
function machineSection() {
  const alone = data.sources.length === 1;
  return section("machine", alone ? "The machine" : "The machines", data.sources.map((source) => machineOf(source, alone)));
}

function runSections() {
  const theory = h("div", {}, theoryTable(shownLines()));
  const remake = () => theory.replaceChildren(theoryTable(lines.filter((line) => matches(line))));
  themed.push(remake);
  dependent.push(remake);
  remake();
  return [
    controls(shared),
    section("latency", "Delivery latency by percentile",
      chart("percentiles", "", "Read from left to right: 99 means that 99 of 100 deliveries took no longer than the line’s height. Lines are medians over the runs; points are single runs. Lower is better, and a line that stays flat to the right keeps its promise.", percentiles)),
    section("distribution", "Latency distribution",
      chart("distribution", "", "Where the deliveries lie: each row is scaled to its own peak, so compare places and widths, not heights. The markers on the baseline are the medians of single runs.", distribution)),
    section("timeline", "Over time",
      h("p", { class: "lead" }, "Each line is one run, second by second from the opening of the measured window; a step is a second. Lines that climb mean that something falls behind; the drain follows the window."),
      h("div", { class: "pair" },
        chart("t-p50", "Delivery, p50", "Median of the deliveries made in each second.", over("delivery_p50_us", { unit: "ms", divisor: 1e3, axis: "ms" })),
        chart("t-p99", "Delivery, p99", "One in a hundred deliveries of that second took longer.", over("delivery_p99_us", { unit: "ms", divisor: 1e3, axis: "ms" })),
        chart("t-received", "Deliveries", "Made in each second; all transports carry the same feed, so the lines should lie together.", over("received", { unit: "deliveries", axis: "per second" })),
        chart("t-connections", "Connections", "Open at the end of each second; steps are reconnects or losses.", over("connections", { unit: "connections", axis: "open" })),
        chart("t-server", "Server CPU", "1 is one core kept busy.", over("server_cpu_ratio", { unit: "cores", axis: "cores busy" })),
        chart("t-loadgen", "Load generator CPU", "The measuring itself: near the number of its threads, delays may be its own.", over("loadgen_cpu_ratio", { unit: "cores", axis: "cores busy" })))),
    section("bytes", "Bytes",
      chart("bytes", "", "Bytes on the wire for each delivered message: the payload (solid), then headers and framing from the server (hatched) and from the subscribers (crossed). What is not solid is the price of the transport.", bytes)),
    section("requests", "Requests and empty answers",
      chart("requests", "", "HTTP requests for each delivered message: those answered with messages (solid) and those answered with nothing (hatched). Pushing needs none once the stream is open.", requests)),
    section("cost", "Cost",
      h("div", { class: "pair" },
        chart("cpu", "Server CPU per message", "Processor time of the server for each delivery; shorter is cheaper. Points are single runs.", cost("server_cpu_us_per_message", "µs per delivered message", 1, "The server’s processor time was not measured at this setting.")),
        chart("memory", "Server memory per subscriber", "Growth of the server’s resident memory while the crowd connected; blank for a crowd too small to tell it from noise.", cost("server_rss_per_subscriber_bytes", "KiB per subscriber", 1024, "Not measured at this setting: the crowd is too small, or the server was not watched.")))),
    state.against ? growthSection() : null,
    section("theory", "Predicted and measured",
      h("p", { class: "lead" }, "What the laws of queues and clocks say of this setting, on kept connections and an idle server, from the one-way delay d alone. Where measured is near predicted, the transport explains the number; what lies above comes from the machine, and with push from sending to a crowd one after the other, which the laws leave out."),
      theory),
  ];
}

function growthSection() {
  const places = () => state.sweeps.find(([name]) => name === state.against)[1];
  const select = () => lines.filter((line) => visible(line) && line.settings[state.against] !== null && matches(line, state.against));
  const axis = () => {
    const found = places().map((v) => v / (DIVISORS[state.against] ?? 1));
    const title = { text: AXES[state.against] ?? settingName(state.against) };
    const ticks = found.length <= 8
      ? { tickvals: found, ticktext: found.map((v) => (v < 1 ? String(v) : grouped(String(v)))) } : {};
    return found.every((v) => v > 0) && spread(found) >= WIDE
      ? { ...logTicks(Math.min(...found), Math.max(...found)), ...ticks, title } : { ...AXIS_LABELS, nticks: 7, ...ticks, title };
  };
  const draw = (metric) => (some) => growth(metric, {
    places: places().map((v) => v / (DIVISORS[state.against] ?? 1)),
    at: (line) => line.settings[state.against] / (DIVISORS[state.against] ?? 1),
    xaxis: axis(),
    said: { head: AXES[state.against] ?? settingName(state.against), place: (v) => settingValue(state.against, v * (DIVISORS[state.against] ?? 1)) },
  })(some);
  const choice = h("select", { id: "against", onchange: () => { state.against = state.sweeps[choice.selectedIndex][0]; drawAll(); } },
    state.sweeps.map(([name]) => h("option", { selected: name === state.against }, settingName(name))));
  return section("growth", "Growth",
    h("p", { class: "lead" }, "How each number grows with what the scenario sweeps. Points are runs, lines join their medians where there are more than two; an axis is logarithmic where its values spread by more than a factor of ten, and where both are, what grows in proportion is a straight line that rises one factor of ten for each."),
    state.sweeps.length > 1 ? h("form", { class: "controls inline", onsubmit: (event) => event.preventDefault() }, h("label", { for: "against" }, "over", choice)) : null,
    h("div", { class: "pair" }, GROWN.map((metric) => chart(`g-${metric.id}`, metric.title, null, draw(metric), select))));
}

/** Units of the axes that settings are drawn on. */
const DIVISORS = { link_delay_us: 1e3, link_jitter_us: 1e3, poll_interval_us: 1e6, hold_us: 1e6 };
const AXES = {
  link_delay_us: "link delay, ms", link_jitter_us: "link jitter, ms", poll_interval_us: "poll interval, s",
  hold_us: "hold, s", payload_bytes: "payload, B", rate_per_s: "messages per second", subscribers: "subscribers",
};

/** What stands for a folder on an axis: when it was made, or the end of its name. */
function folderLabels() {
  const short = (text) => (text.length > 18 ? `…${text.slice(-17)}` : text);
  const labels = data.sources.map(({ machine, name }) =>
    (typeof machine?.started === "string"
      ? machine.started.replace("T", " ").replace(/(:\d\d)?Z$/, "")
      : short(name.split("/").filter(Boolean).at(-1) ?? name)));
  return labels.map((label, at) => (labels.indexOf(label) === labels.lastIndexOf(label) ? label : `${label} #${at + 1}`));
}

function trendSection() {
  const unique = folderLabels();
  const places = data.sources.map((_, at) => at);
  const step = Math.ceil(places.length / 8);
  const ticks = places.filter((at) => at % step === 0);
  const draw = (metric) => growth(metric, {
    places, at: (line) => line.folder,
    xaxis: {
      tickvals: ticks, ticktext: ticks.map((at) => plain(unique[at]).replace(" ", "<br>")),
      range: [-0.4, places.length - 0.6],
    },
    said: { head: "run folder", place: (at) => unique[at] },
    stepped: true,
  });
  return section("trend", "Trend",
    h("p", { class: "lead" }, "Each metric from one run folder to the next, at the chosen setting. Points are runs, lines are their medians: a step that the points of both sides do not bridge is worth a look with `wirebench compare`.".replaceAll("`", "")),
    h("div", { class: "pair" }, GROWN.map((metric) => chart(`n-${metric.id}`, metric.title, null, draw(metric)))));
}

function build() {
  if (runs.length > 0) choose();
  head();
  const isTrend = data.view === "trend" && runs.length > 0;
  const trend = isTrend ? [controls(shared), trendSection()] : [];
  const first = answer();
  const rest = runs.length === 0 || isTrend ? [] : runSections();
  const machine = machineSection();
  const last = runs.length === 0 ? [machine] : [machine, section("runs", "Every number",
    disclosure(`All values of ${plural(runs.length, "run")}, as in runs.csv`, runsTable),
    disclosure("What each column means", columnsTable))];
  document.getElementById("main").append(
    h("nav", { class: "contents", "aria-label": "Contents" }, h("ul", {}, sections.map(([id, name]) =>
      h("li", {}, h("a", { href: `#${id}` }, name))))),
    ...[...trend, first, ...rest, ...last].filter(Boolean));
  document.getElementById("foot").append(h("p", {},
    `Made by wirebench ${data.wirebench}. This file is complete: it fetches nothing.`));
}

function restyle() {
  themed.forEach((make) => make());
  redrawNow();
}

build();
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
addEventListener("beforeprint", () => {
  state.printing = true;
  document.documentElement.classList.add("printing");
  restyle();
});
addEventListener("afterprint", () => {
  state.printing = false;
  document.documentElement.classList.remove("printing");
  restyle();
});
