// A slider over given values: even steps for the hand, uneven ones for the matter.

/**
 * Makes `<input type="range">` choose among `values`. The output that belongs to it (`<output for=…>`)
 * shows the value as `format` writes it, and a screen reader says the same.
 *
 * @param {HTMLInputElement} input
 * @param {{values: number[], value: number, format: (value: number) => string,
 *   on: (value: number) => void}} options
 */
export function slider(input, { values, value, format, on }) {
  const output = document.querySelector(`output[for="${input.id}"]`);
  let current = value;
  let touched = -Infinity;

  input.min = 0;
  input.max = values.length - 1;
  input.step = 1;
  show();

  function show() {
    // The server may have been given a value that is not among ours: the nearest place, the true number.
    const distance = (other) => Math.abs(Math.log((other + 1) / (current + 1)));
    const nearer = (best, other, at) => (distance(other) < distance(values[best]) ? at : best);
    const place = values.reduce(nearer, 0);
    input.value = place;
    output.textContent = format(current);
    input.setAttribute("aria-valuetext", format(current));
  }

  input.addEventListener("input", () => {
    touched = performance.now();
    current = values[Number(input.value)];
    output.textContent = format(current);
    input.setAttribute("aria-valuetext", format(current));
    on(current);
  });

  return {
    get value() {
      return current;
    },
    /** Shows a value that came from elsewhere, unless a hand is on the slider. */
    set(other) {
      if (other === current || performance.now() - touched < 2000) return;
      current = other;
      show();
    },
  };
}
