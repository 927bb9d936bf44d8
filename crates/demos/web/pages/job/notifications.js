// Notifications of the operating system, for visitors who ask for them.

import { byId } from "../../elements.js";
import { duration, fill } from "../../format.js";
import { words } from "../../page_data.js";

let granted = false;

byId("notify").addEventListener("click", async () => {
  if (!("Notification" in window) || !isSecureContext) {
    byId("problem").textContent = words.notify.absent;
    return;
  }
  granted = (await Notification.requestPermission()) === "granted";
  byId("problem").textContent = granted ? words.notify.on : words.notify.denied;
  byId("notify").disabled = granted;
});

/** Notifies the visitor once per job, if the page is out of sight. */
export function notifyDone(job) {
  if (!granted || job.notified || document.visibilityState === "visible") return;
  job.notified = true;
  const body = fill(words.notify.body, { took: duration(job.took_ms) });
  new Notification(words.notify.title, { body });
}
