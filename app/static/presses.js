/* A press that finds no connection waits on its page, says so, and goes out once we can be reached: the browser shows no page of
   its own, and what was typed stays. Every page works without it. */
import { RETRY } from "./saving.js";

export const LATE = 20000; // ms after which we count as out of reach
const SLOW = 3000; // ms after which the desk says that a press isn't through yet

let waiting = null; // the newest press that isn't out yet
let timer = 0;
let tries = 0;

/** Calls `go` once `reach` gives true, and `say` each time it doesn't; `reach` gets `say` for when that takes long. A newer press
    takes the place of one that waits. */
export function follow(press) {
  hold(press);
  return attempt();
}

function hold(press) {
  forget();
  waiting = press;
  tries = 0;
}

export const waits = () => waiting !== null;

export function forget() {
  clearTimeout(timer);
  waiting = null;
  const place = bar();
  if (place) place.hidden = true;
}

async function attempt() {
  clearTimeout(timer);
  const press = waiting;
  const reached = await press.reach(press.say);
  if (waiting !== press) return;
  if (reached) {
    forget();
    return press.go();
  }
  press.say();
  clearTimeout(timer);
  if (waits()) timer = setTimeout(attempt, RETRY[Math.min(tries++, RETRY.length - 1)]);
}

/** Lets the forms in `target` go out only by `follow`. `say` gets the form and the button that was pressed. */
export function guard(target, reach, say) {
  let passing = false;
  target.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (passing || event.defaultPrevented || (submitter?.formMethod || form.method) !== "post") return;
    event.preventDefault();
    follow({
      form,
      reach,
      say: () => say(form, submitter),
      go() {
        passing = true;
        form.requestSubmit(submitter);
        passing = false;
      },
    });
  });
  target.addEventListener("input", (event) => {
    if (waiting?.form?.contains(event.target)) forget(); // what was to be sent is not what stands there now
  });
}

addEventListener("online", () => waits() && attempt());

/* The desk has a bar at the foot of each page that says what waits. */
const bar = () => document.getElementById("waiting");

function announce(text) {
  const place = bar();
  place.hidden = false;
  if (place.firstElementChild.textContent !== text) place.firstElementChild.textContent = text;
}

const announcePress = (label) => announce(bar().dataset.press.replace("{press}", label));
export const labelOf = (form, button) => (button ?? form.querySelector("button:not([type=button])"))?.firstChild.textContent.trim() ?? "";

async function reachDesk(say) {
  const slow = setTimeout(say, SLOW);
  try {
    return (await fetch(bar().dataset.reach, { cache: "no-store", signal: AbortSignal.timeout?.(LATE) })).ok;
  } catch {
    return false;
  } finally {
    clearTimeout(slow);
  }
}

/** A request of a script found no connection: `go` sends it again. Without a label, it opens a page. It pauses even if we can be
    reached: where only this request fails each time, it would be sent over and over. */
export function waitFor(go, label = "") {
  hold({ reach: reachDesk, say: () => (label ? announcePress(label) : announce(bar().dataset.page)), go });
  waiting.say();
  timer = setTimeout(attempt, RETRY[0]);
}

if (bar()) {
  guard(window, reachDesk, (form, button) => announcePress(labelOf(form, button)));
  document.addEventListener("click", (event) => event.target.closest("#waiting button") && forget());
}
