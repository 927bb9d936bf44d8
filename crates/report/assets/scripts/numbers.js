"use strict";
// Numbers as people read them.

const ABSENT = "–";
const NO_BREAK = "\u202f"; // narrow, between a number and its unit

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** Writes three significant digits and all digits before the dot, with thousands separated. */
function significant(number) {
  if (number === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(number.toPrecision(3)))));
  const places = Math.min(Math.max(2 - exponent, 0), 12);
  return grouped(number.toFixed(places));
}

function grouped(digits) {
  const [whole, fraction] = digits.split(".");
  const apart = whole.length > 3 ? whole.replace(/\B(?=(\d{3})+$)/g, NO_BREAK) : whole;
  return fraction === undefined ? apart : `${apart}.${fraction}`;
}

const count = (number) =>
  Number.isInteger(number) ? grouped(String(number)) : significant(number);

const withUnit = (text, unit) => (unit ? `${text}${NO_BREAK}${unit}` : text);

/** Scales by which a value of a unit is shown, from the smallest. */
const SCALES = {
  "µs": [[1, "µs"], [1e3, "ms"], [1e6, "s"]],
  B: [[1, "B"], [1024, "KiB"], [1024 ** 2, "MiB"], [1024 ** 3, "GiB"]],
  s: [[1e-3, "ms"], [1, "s"]],
};

/** The largest scale that leaves digits before the dot: `[divisor, unit]`. */
function scale(unit, number) {
  const scales = SCALES[unit];
  if (!scales) return [1, unit];
  const fitting = scales.filter(([divisor]) => Math.abs(number) >= divisor);
  return fitting.at(-1) ?? scales[0];
}

/** A measured value with its unit, or a dash. */
function quantity(number, unit) {
  if (!isNumber(number)) return ABSENT;
  if (number === 0) return withUnit("0", SCALES[unit] ? scale(unit, 0)[1] : unit);
  const [divisor, shown] = scale(unit, number);
  const text = unit === "" ? count(number) : significant(number / divisor);
  return withUnit(text, shown);
}

/** A delay, always in milliseconds, because delays are compared with each other. */
const inMillis = (micros) => (isNumber(micros) ? significant(micros / 1e3) : ABSENT);

const significantOrAbsent = (number) => (isNumber(number) ? significant(number) : ABSENT);

const percent = (share) => `${significant(share * 100)}${NO_BREAK}%`;

/** A percentage, rounded down, so that only 100 reads as all. */
const shareText = (v) => String(Math.floor(v * 100 + 1e-6) / 100);

/** A ratio, with three significant digits. */
function times(ratio) {
  if (ratio < 1.005) return "×1.00";
  return `×${ratio < 10 ? ratio.toFixed(2) : significant(ratio)}`;
}

function signedPercent(share) {
  const size = Math.abs(share * 100);
  const text = size < 9.95 ? size.toFixed(1) : size.toFixed(0);
  const sign = Number(text) === 0 ? "" : share > 0 ? "+" : "−";
  return withUnit(sign + text, "%");
}

const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Writes a setting with all its digits, but without needless zeros. */
function exactly(number, unit) {
  if (!isNumber(number)) return ABSENT;
  const [divisor, shown] = scale(unit, number);
  return withUnit(grouped(String(Number((number / divisor).toPrecision(6)))), shown);
}

/** The median: the mean of the two values in the middle if their number is even. */
function median(values) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const half = sorted.length / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half) - 1]) / 2;
}

const ratio = (part, whole) => (isNumber(part) && isNumber(whole) && whole > 0 ? part / whole : null);

const scaled = (found, divisor) => (isNumber(found) ? found / divisor : null);
