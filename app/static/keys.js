// Keys on every page of the desk: g and then the letter of a section leads there, and ? shows all keys. Whoever types is left alone,
// and the keys can be turned off. desk.js has the keys of lists.

const OFF = "desk.keys"; // kept in this browser: the keys are turned off
const PATIENCE = 2000; // ms that g waits for its letter
const html = document.documentElement;
let asked = 0; // when g was pressed, while it waits for its letter

export const typing = (one) => one.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

export function keysAreOn() {
  try {
    return localStorage.getItem(OFF) === null;
  } catch {
    return true;
  }
}

/** Whether a key isn't meant for us: with another key held, held down itself, or in a field. */
export const isOther = (event) => event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || typing(event.target);

/** Shows the list of keys, and whether they are on; called again when the page has changed. */
export function dressKeys() {
  const on = keysAreOn();
  html.toggleAttribute("data-keys-on", on);
  for (const help of document.querySelectorAll("[data-keys]")) {
    help.hidden = false;
    const change = help.querySelector("[data-keys-switch]");
    change.textContent = on ? change.dataset.off : change.dataset.on;
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-keys-switch]")) return;
  try {
    keysAreOn() ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF);
  } catch {
    // Nothing can be kept here: the keys stay as they are.
  }
  dressKeys();
});

// Before all others: the letter behind a g is no key of a list.
addEventListener(
  "keydown",
  (event) => {
    if (isOther(event) || event.key === "Shift" || !keysAreOn()) return;
    const waited = asked && event.key.length === 1 && Date.now() - asked < PATIENCE; // Tab, Escape and arrows do what they always do
    asked = 0;
    if (waited) {
      event.preventDefault();
      event.stopImmediatePropagation();
      document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
    } else if (event.key === "g") asked = Date.now();
    else if (event.key === "?") {
      const help = [...document.querySelectorAll("[data-keys]")].find((one) => one.getClientRects().length);
      if (!help) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      help.open = !help.open;
      help.querySelector("summary").focus();
      help.scrollIntoView({ block: "nearest" });
    }
  },
  { capture: true },
);

dressKeys();
