// Statistics of a few observed values.

/** The mean of fewer values says more about chance than about what is measured. */
export const FEWEST_FOR_A_MEAN = 5;

/** Returns the mean of the values, or `undefined` if there are none. */
export function mean(values) {
  if (values.length === 0) return undefined;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Summarises values. Without values, `least` and `most` are undefined. With fewer values than
 * `FEWEST_FOR_A_MEAN`, `mean` is undefined.
 *
 * @param {number[]} values
 * @returns {{n: number, mean?: number, least?: number, most?: number}}
 */
export function summary(values) {
  const n = values.length;
  if (n === 0) return { n };
  const range = { n, least: Math.min(...values), most: Math.max(...values) };
  return n < FEWEST_FOR_A_MEAN ? range : { ...range, mean: mean(values) };
}
