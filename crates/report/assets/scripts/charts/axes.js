// The axes of the charts.

/** From this ratio of the highest to the lowest value on, an axis is logarithmic. */
const WIDE = 10;

const positive = (values) => values.filter((v) => isNumber(v) && v > 0);
function spread(values) {
  const found = positive(values);
  return found.length > 0 ? Math.max(...found) / Math.min(...found) : 1;
}

const AXIS_LABELS = { exponentformat: "none", separatethousands: true };

/** A value axis, which is logarithmic if the values spread, with plain numbers at its ticks. */
function valueAxis(titleText, values, { zero = true } = {}) {
  const found = positive(values);
  if (found.length > 0 && values.every((v) => v !== 0) && spread(found) >= WIDE) {
    return { ...logTicks(Math.min(...found), Math.max(...found)), title: { text: titleText } };
  }
  return { ...AXIS_LABELS, title: { text: titleText }, rangemode: zero ? "tozero" : "normal", nticks: 6 };
}

/** Ticks at 1, 2 and 5, or only at powers of ten if there are many. */
function logTicks(low, high, margin = 0.06) {
  const [from, to] = [Math.log10(low), Math.log10(high)];
  const pad = Math.max((to - from) * margin, 0.02);
  const steps = to - from > 2.6 ? [1] : [1, 2, 5];
  const tickvals = [];
  for (let decade = Math.floor(from) - 1; decade <= Math.ceil(to); decade += 1) {
    for (const step of steps) tickvals.push(Number(`${step}e${decade}`));
  }
  return {
    type: "log", range: [from - pad, to + pad], tickvals,
    ticktext: tickvals.map((v) => (v >= 1 ? grouped(String(v)) : String(v))),
  };
}
