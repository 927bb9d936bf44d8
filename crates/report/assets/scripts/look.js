// How lines look. The colour is that of the transport; the dash is that of the transport, or of the side
// of a comparison; the ending of the marker tells variants of a transport apart.

/** The value of a variable of the style. */
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => darkScheme.matches && !state.printing;

/** The dashes of base and new: lengths of strokes and gaps in pixels. An empty list is a solid line. */
const SIDE_DASHES = [[6, 3], []];
/** Endings of the names of markers in plotly.js, for the variants of a transport. */
const VARIANTS = ["", "-open", "-cross", "-x"];
/** Names of markers that plotly.js calls otherwise. */
const SYMBOLS = { triangle: "triangle-up" };

/** Colour, dash and marker of a line. `symbol` is the marker's name in plotly.js. */
function look(line) {
  const transport = transportOf(line.transport);
  const same = kinds.filter((kind) => kind.transport === line.transport && kind.side === line.side);
  const variant = Math.max(same.findIndex((kind) => lineKind(kind) === lineKind(line)), 0);
  const sides = data.view === "overlay";
  const dashes = data.transports.map(({ dash }) => dash);
  const at = data.transports.findIndex(({ dash }) => dash === transport.dash);
  const ending = sides && line.side === 0 ? "-open" : VARIANTS[variant % VARIANTS.length];
  return {
    colour: isDark() ? transport.colour_dark : transport.colour,
    dash: sides ? SIDE_DASHES[line.side] : dashes[(at + variant) % dashes.length],
    marker: transport.marker,
    symbol: (SYMBOLS[transport.marker] ?? transport.marker) + ending,
    isOpen: ending === "-open",
  };
}

/** A dash as plotly.js takes it. */
const plotlyDash = (dash) => (dash.length > 0 ? dash.map((length) => `${length}px`).join(",") : "solid");

const SHAPES = {
  square: "M11 2h8v8h-8z", diamond: "M15 1l5 5l-5 5l-5-5z", triangle: "M15 1l5 9h-10z",
  circle: "M15 1.5a4.5 4.5 0 1 0 .01 0z", cross: "M13.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
};

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, given] of Object.entries(attributes)) element.setAttribute(name, given);
  return element;
}

/** The sample of a line's look that stands before its name. */
function sample(line) {
  const { colour, dash, marker, isOpen } = look(line);
  const root = svg("svg", { width: 30, height: 12, viewBox: "0 0 30 12", "aria-hidden": "true", class: "sample" });
  root.append(
    svg("path", { d: "M0 6h30", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash.join(" ") || "none" }),
    svg("path", {
      d: SHAPES[marker], stroke: colour, "stroke-width": 1.5, fill: isOpen ? css("--paper") : colour,
    }),
  );
  return root;
}
