// What was observed, beside what is predicted: a mean and the range that it is from.

/** The mean of fewer values says more about chance than about what is measured. */
export const FEWEST = 5;

/**
 * How many values there are, their mean, the least and the greatest. Without values the range is
 * undefined, and with fewer than `FEWEST` so is the mean.
 *
 * @param {number[]} values
 * @returns {{n: number, mean?: number, least?: number, most?: number}}
 */
export function observed(values) {
  const n = values.length;
  if (n === 0) return { n };
  const range = { n, least: Math.min(...values), most: Math.max(...values) };
  if (n < FEWEST) return range;
  return { ...range, mean: values.reduce((sum, value) => sum + value, 0) / n };
}
