// The builder without loading the page anew: a press or a drag shows its effect at once, in the slots and in the preview.
// What the server sends back is the same page that a browser without scripts gets; this puts it in the place of the old one.
import { offerCopies } from "./copy.js";
import { letDrag } from "./dragging.js";
import { labelOf, waitFor } from "./presses.js";

const LIVE = /\/(pick|up|down|arrange|first|drop|carry|date|slots)$/;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const said = document.createElement("p");
said.className = "unseen";
said.setAttribute("role", "status");
document.body.append(said);
let busy = false;

/** The mail in its frame stands there in full, as wide as the page lets it be. */
function grow(frame) {
  const fit = () => {
    const inside = frame.contentDocument?.body;
    if (inside) frame.style.blockSize = `${Math.ceil(inside.getBoundingClientRect().height) + 2}px`;
  };
  frame.addEventListener("load", fit);
  new ResizeObserver(fit).observe(frame.parentElement);
  fit();
}

function improve() {
  offerCopies();
  document.querySelectorAll(".mail-frame").forEach(grow);
  for (const one of document.querySelectorAll(".grip[hidden], .by-drag[hidden]")) one.hidden = false;
}

const places = () =>
  new Map([...document.querySelectorAll("[data-question]")].map((one) => [one.dataset.question, one.getBoundingClientRect()]));

/** Let what has moved be seen to move. */
function glide(before) {
  if (calm.matches) return;
  for (const [key, now] of places()) {
    const then = before.get(key);
    const [x, y] = then ? [then.left - now.left, then.top - now.top] : [0, 0];
    if (x || y) {
      document
        .querySelector(`[data-question="${key}"]`)
        .animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: 220, easing: "ease-out" });
    }
  }
}

/** The button that does the same for the same Q&A, else another of its buttons, else the heading of the slots. */
function focusOn(press, question) {
  const forms = [...document.querySelectorAll("#main form")].filter((form) => form.querySelector(`[name=question][value="${question}"]`));
  const same = forms.find((form) => new URL(form.action).pathname.endsWith(press)) ?? forms[0];
  const goal = same?.querySelector("button") ?? document.getElementById("slots");
  if (!goal) return;
  if (!same) goal.tabIndex = -1;
  goal.focus({ preventScroll: true });
}

/** Put the page that came back in the place of the one that is shown, where the reader's eyes are. */
function show(html, press, question, section) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  if (!fresh.querySelector("#main .builder")) return false;
  const before = places();
  const height = document.getElementById(section)?.getBoundingClientRect().top;
  for (const part of ["#main", ".coming", ".sections"]) {
    const [old, made] = [document.querySelector(part), fresh.querySelector(part)];
    if (old && made) old.replaceWith(document.adoptNode(made));
  }
  improve();
  const moved = document.getElementById(section)?.getBoundingClientRect().top;
  if (height !== undefined && moved !== undefined) scrollBy({ top: moved - height, behavior: "instant" });
  focusOn(press, question);
  glide(before);
  const alarm = document.querySelector("[role=alert]");
  alarm?.scrollIntoView({ block: "center" });
  said.textContent = [...document.querySelectorAll("#main [role=alert], #main > .aside-note[role=status]")]
    .map((one) => one.textContent.trim())
    .join(" ");
  return true;
}

/** Send a form; where no page of an edition comes back, let the browser do what it would have done by itself. */
async function send(form, data, section, label) {
  if (busy) return;
  busy = true;
  document.getElementById("main").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
    const press = new URL(form.action).pathname.split("/").pop();
    if (show(await answer.text(), `/${press}`, data.get("question") ?? data.getAll("moved")[0], section)) return;
    location.assign(answer.redirected ? answer.url : location.href);
  } catch {
    waitFor(() => send(form, data, section, label), label); // it may have arrived: sent again, it does nothing twice
  } finally {
    busy = false;
    document.getElementById("main")?.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || !LIVE.test(new URL(form.action).pathname)) return;
  event.preventDefault();
  send(form, new FormData(form, event.submitter), form.closest("section")?.getAttribute("aria-labelledby"), labelOf(form, event.submitter));
});

letDrag((order, item) => {
  const form = document.getElementById("arrange");
  const data = new FormData(form);
  for (const key of order) data.append("order", key);
  data.append("moved", item.dataset.question);
  send(form, data, "slots", form.dataset.label);
});

improve();
