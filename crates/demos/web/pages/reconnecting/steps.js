// The steps to try. Each says what was to be seen, once the visitor has seen it.

export class Steps {
  /** Marks a step as seen. What is on no list may be seen as well. */
  see(name) {
    const step = document.querySelector(`[data-step="${name}"]`);
    if (!step) return;
    step.toggleAttribute("data-seen", true);
    step.querySelector(".step-seen").hidden = false;
  }
}
