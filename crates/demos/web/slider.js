// A slider over given values: the steps are even, the values need not be.

/**
 * Makes `<input type="range">` choose among `values`. Its output (`<output for=…>`) shows the value
 * as `format` writes it, and a screen reader reads the same text.
 *
 * @param {HTMLInputElement} input
 * @param {{values: number[], value: number, format: (value: number) => string,
 *   onChange: (value: number) => void}} options
 * @returns {{set(value: number): void}} `set` shows a value that came from elsewhere
 */
export function slider(input, { values, value, format, onChange }) {
  const output = document.querySelector(`output[for="${input.id}"]`);
  let current = value;
  let touched_at = -Infinity;

  function show() {
    output.textContent = format(current);
    input.setAttribute("aria-valuetext", format(current));
  }

  function set(next) {
    current = next;
    input.value = nearest(values, next);
    show();
  }

  input.min = 0;
  input.max = values.length - 1;
  input.step = 1;
  set(value);
  input.addEventListener("input", () => {
    touched_at = performance.now();
    current = values[Number(input.value)];
    show();
    onChange(current);
  });

  return {
    set(next) {
      // Not while the visitor is moving the slider.
      if (next !== current && performance.now() - touched_at >= 2000) set(next);
    },
  };
}

/** Returns the place of the value nearest to `wanted`, which need not be one of the values. */
function nearest(values, wanted) {
  const distance = (value) => Math.abs(Math.log((value + 1) / (wanted + 1)));
  const distances = values.map(distance);
  return distances.indexOf(Math.min(...distances));
}
