// The page: the answer first, then the charts and tables that it rests on.

const sections = [];
/** Short forms of the longer titles, for the list of contents. */
const SHORT = { answer: { run: "Figures", trend: "Latest", overlay: "Answer" }[data.view], latency: "Percentiles", distribution: "Distribution", requests: "Requests", theory: "Theory" };

function section(id, name, ...children) {
  sections.push([id, SHORT[id] ?? name]);
  return h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, name), children);
}

/** A text in which a number and its unit stay on one line. */
const unbroken = (text) => text.replace(/(\d) (ms|µs|s|B|KiB|%)(?=[\s,.;)])/g, `$1${NO_BREAK}$2`);

/** A chart with its title, how to read it, and its values as a table. */
function chart(id, name, read, draw, select = shownLines) {
  const plot = h("div", { class: "plot", role: "img" });
  resized.observe(plot);
  const note = h("p", { class: "chart-note" });
  const table = h("div", { class: "chart-data" });
  charts.push({ id, name, draw, select, plot, note, table });
  return h("figure", { id: `chart-${id}` },
    h("figcaption", {}, name ? h("h3", {}, name) : null, typeof read === "string" ? h("p", {}, read) : read), plot, note, table);
}

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
    ...(data.view === "run" ? [h("p", { class: "words" }, unbroken(data.answer))] : []),
    h("p", { class: "sub" }, facts.join(" · ")));
}

function answer() {
  const latestLines = data.view === "trend" ? lines.filter((line) => line.folder === latest) : lines;
  const title = {
    run: "The figures", overlay: "The answer", trend: `The latest: ${data.sources[latest]?.name ?? ""}`,
  }[data.view];
  if (runs.length === 0) return section("answer", title, warnings());
  const table = h("div", {}, answerTables(latestLines));
  const remake = () => table.replaceChildren(...answerTables(latestLines));
  themed.push(remake);
  for (const query of NARROW) query.addEventListener("change", remake);
  return section("answer", title,
    data.comparison ? [verdictsInShort(data.comparison), verdictTable(data.comparison)] : null,
    data.comparison ? h("p", { class: "chart-note" }, `A change below ${percent(data.comparison.noise_threshold)} does not matter. Intervals hold together for all metrics; a verdict needs several runs on either side.`) : null,
    data.view === "trend" ? h("p", { class: "words" }, unbroken(data.answer)) : null, warnings(), table, h("p", { class: "table-note" }, answerNotes(latestLines)));
}

/** The machine that the numbers come from. */
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
        chart("cpu-floor", "Server CPU per message, in bare writes", "The same, in multiples of the floor: of what it cost the machine, just before and just after the run, to write a message to a connection without any protocol.", cost("server_cpu_floor_ratio", "bare writes per delivered message", 1, "The server’s processor time or the floor was not measured at this setting.")),
        chart("memory", "Server memory per subscriber", "Growth of the server’s resident memory while the crowd connected; blank for a crowd too small to tell it from noise.", cost("server_rss_per_subscriber_bytes", "KiB per subscriber", 1024, "Not measured at this setting: the crowd is too small, or the server was not watched.")))),
    state.against ? growthSection() : null,
    section("theory", "Predicted and measured",
      h("p", { class: "lead" }, "What the laws of queues and clocks say of this setting, on kept connections and an idle server, from the one-way delay d alone. Where measured is near predicted, the transport explains the number; what lies above comes from the machine, and with push from sending to a crowd one after the other, which the laws leave out."),
      theory),
  ];
}

/** The lines that growth is drawn from: all along the sweep. */
const sweptLines = () => lines.filter((line) =>
  visible(line) && line.settings[state.against] !== null && matches(line, state.against));

/** A metric over the setting that the scenario sweeps. */
function growthOver(metric) {
  const divisor = DIVISORS[state.against] ?? 1;
  const [, values] = state.sweeps.find(([name]) => name === state.against);
  const places = values.map((v) => v / divisor);
  const head = AXES[state.against] ?? settingName(state.against);
  const ticks = places.length <= 8
    ? { tickvals: places, ticktext: places.map((v) => (v < 1 ? String(v) : grouped(String(v)))) } : {};
  const xaxis = places.every((v) => v > 0) && spread(places) >= WIDE
    ? { ...logTicks(Math.min(...places), Math.max(...places)), ...ticks, title: { text: head } }
    : { ...AXIS_LABELS, nticks: 7, ...ticks, title: { text: head } };
  return growth(metric, {
    places, xaxis,
    at: (line) => line.settings[state.against] / divisor,
    said: { head, place: (v) => settingValue(state.against, v * divisor) },
  });
}

function growthSection() {
  const choice = h("select", { id: "against", onchange: () => { state.against = state.sweeps[choice.selectedIndex][0]; drawAll(); } },
    state.sweeps.map(([name]) => h("option", { selected: name === state.against }, settingName(name))));
  return section("growth", "Growth",
    h("p", { class: "lead" }, "How each number grows with what the scenario sweeps. Points are runs, lines join their medians where there are more than two; an axis is logarithmic where its values spread by more than a factor of ten, and where both are, what grows in proportion is a straight line that rises one factor of ten for each."),
    state.sweeps.length > 1 ? h("form", { class: "controls inline", onsubmit: (event) => event.preventDefault() }, h("label", { for: "against" }, "over", choice)) : null,
    h("div", { class: "pair" }, GROWN.map((metric) => chart(`g-${metric.id}`, metric.title, null, (some) => growthOver(metric)(some), sweptLines))));
}

/** Divisors and titles of the axes that settings are drawn on. */
const DIVISORS = { link_delay_us: 1e3, link_jitter_us: 1e3, poll_interval_us: 1e6, hold_us: 1e6 };
const AXES = {
  link_delay_us: "link delay, ms", link_jitter_us: "link jitter, ms", poll_interval_us: "poll interval, s",
  hold_us: "hold, s", payload_bytes: "payload, B", rate_per_s: "messages per second", subscribers: "subscribers",
};

/** The labels of folders on an axis: when they were made, or the end of their names. */
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
  const lead = leadChart();
  const first = answer();
  const rest = runs.length === 0 || isTrend ? [] : runSections();
  const machine = machineSection();
  const agents = agentsSection();
  const last = runs.length === 0 ? [machine] : [agents, machine, section("runs", "Every number",
    disclosure(`All values of ${plural(runs.length, "run")}, as in runs.csv`, runsTable),
    disclosure("What each column means", columnsTable))];
  document.getElementById("main").append(
    ...[lead].filter(Boolean),
    h("nav", { class: "contents", "aria-label": "Contents" }, h("ul", {}, sections.map(([id, name]) =>
      h("li", {}, h("a", { href: `#${id}` }, name))))),
    ...[...trend, first, ...rest, ...last].filter(Boolean));
  document.getElementById("foot").append(h("p", {},
    `Made by wirebench ${data.wirebench}. This file is complete: it fetches nothing.`));
}

function restyle() {
  for (const make of themed) make();
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
