// Lists at the desk by keyboard: each key presses what the page shows anyway. A list of letters goes on without loading the
// whole page anew. Every page works without this.
import { dressKeys, isOther, keysAreOn, typing } from "./keys.js";
import { labelOf, waitFor } from "./presses.js";

const TURNED = "desk.turned"; // kept until the page is there that a key turned to: which way
const html = document.documentElement;
const said = document.createElement("p"); // what a screen reader hears of a page that was put in
said.className = "unseen";
said.setAttribute("role", "status");
document.body.append(said);

let busy = false; // a press is on its way: no key may meet a letter that isn't painted yet
let last = null; // the box that was ticked last, where a range begins
let left = {}; // where a key took the focus from, and the box that it ticked: Escape takes both back

const main = () => document.getElementById("main");
const shown = (one) => one.getClientRects().length > 0;
const boxes = () => [...main().querySelectorAll(".box input")].filter(shown);

/* The list: the row where one is, ticks, and ranges of them. */
const rows = () => [...main().querySelectorAll(".row .text, .row-of .text")].filter(shown);
const focused = () => document.activeElement.closest?.(".row, .row-of");
const here = () => focused() ?? main().querySelector(".row.is-open");

function walk(step) {
  const all = rows();
  const at = all.findIndex((row) => row === document.activeElement || row.closest(".row, .row-of").contains(document.activeElement));
  if (at >= 0 && !all[at + step]) turn(step);
  else stand(all[Math.max(at + step, 0)]);
}

function stand(row) {
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

/** From the last row on to the page behind, from the first one back to the page before: to the row that is nearest. */
function turn(step) {
  const link = main().querySelector(`.pages a[rel="${step > 0 ? "next" : "prev"}"]`);
  if (!link) return;
  if (isLetters(link.href)) return go(link.href).then(() => stand(rows().at(step > 0 ? 0 : -1)));
  try {
    sessionStorage.setItem(TURNED, step);
  } catch {
    // Nothing can be kept here: the page begins at its top.
  }
  location.assign(link.href);
}

function arrive() {
  try {
    const step = Number(sessionStorage.getItem(TURNED));
    sessionStorage.removeItem(TURNED);
    if (step) stand(rows().at(step > 0 ? 0 : -1));
  } catch {
    // Nothing was kept.
  }
}

function countTicked() {
  const number = main().querySelectorAll(".box input:checked").length;
  const label = main().querySelector("[data-ticked]");
  if (!label) return;
  label.dataset.none ??= label.textContent;
  label.textContent = number ? label.dataset.ticked.replace("{number}", number) : label.dataset.none;
}

function tick(box, on) {
  box.checked = on;
  countTicked();
}

document.addEventListener("click", (event) => {
  const box = event.target.closest(".box input");
  if (box) {
    const all = boxes();
    const range = event.shiftKey && last?.isConnected ? [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b) : null;
    if (range && range[0] >= 0) all.slice(range[0], range[1] + 1).forEach((one) => tick(one, box.checked));
    last = box;
    countTicked();
  }
  if (event.target.closest("[data-tick-all]")) {
    event.preventDefault();
    const all = boxes();
    const on = all.some((one) => !one.checked);
    all.forEach((one) => tick(one, on));
  }
  const link = event.target.closest("main a[href]");
  if (link && isLetters(link.href) && !event.defaultPrevented && event.button === 0 && plain(event)) {
    event.preventDefault();
    go(link.href);
  }
});

/* Pages of letters are put in place of each other. */
const isLetters = (href) => /\/desk\/[^/]+\/letters(\/[0-9A-Z]{12})?(\?|$)/.test(href) && new URL(href).origin === location.origin;
const plain = (event) => !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

async function go(href, options = {}, push = true) {
  if (busy) return;
  busy = true;
  html.dataset.busy = "";
  const place = options.method ? rows().findIndex((row) => focused()?.contains(row)) : -1;
  try {
    const answer = await fetch(href, options);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || !isLetters(answer.url) || !page.querySelector(".desk-main .list-pane")) return leave(answer, page, options);
    put(page, new Set(options.method ? [] : [...main().querySelectorAll(".box input:checked")].map((one) => one.value)));
    if (place >= 0 && !main().querySelector(".pane")) stand(rows()[Math.min(place, rows().length - 1)]); // who filed from a row goes on from there
    if (push) history.pushState({}, "", answer.url);
  } catch {
    waitFor(() => go(href, options, push), options.label);
  } finally {
    busy = false;
    delete html.dataset.busy;
  }
}

/** Somewhere else: another page, which says what the press did, or what went wrong, which has no address of its own. */
function leave(answer, page, options) {
  if (!options.method) return location.assign(answer.url);
  if (answer.ok) history.pushState({}, "", answer.url);
  document.title = page.title;
  document.body.replaceWith(page.body);
  document.body.append(said);
  for (const old of document.querySelectorAll("body script[src]")) {
    const script = document.createElement("script"); // one that was parsed apart from its page doesn't run
    Object.assign(script, { type: "module", src: old.src });
    old.replaceWith(script);
  }
  scrollTo(0, 0);
  focusOn(document.querySelector("h1"));
}

function put(page, ticked) {
  const list = main().querySelector(".list-pane");
  const top = [scrollY, main().querySelector(".pane") ? 0 : list?.scrollTop];
  document.title = page.title;
  for (const part of [".sections", ".coming", "#main"]) {
    const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
    if (old && fresh) old.replaceWith(fresh);
  }
  for (const box of main().querySelectorAll(".box input")) box.checked ||= ticked.has(box.value);
  dress();
  const open = main().querySelector(".pane h1");
  focusOn(open ?? main().querySelector("h1"));
  const row = main().querySelector(".row.is-open");
  scrollTo(0, shown(main().querySelector(".list-pane")) && row ? top[0] : 0);
  row?.scrollIntoView({ block: "nearest" });
  const done = main().querySelector(".done p");
  said.textContent = [done?.textContent, (open ?? main().querySelector("h1")).textContent].filter(Boolean).join(" ").replace(/\s+/g, " ");
}

function focusOn(heading) {
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.closest("main, .find") || !isLetters(location.href)) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  if (form.method === "post") go(form.action, { method: "POST", body: new URLSearchParams(body), label: labelOf(form, event.submitter) });
  else go(`${form.action}?${new URLSearchParams([...body].filter(([, value]) => value))}`);
});
addEventListener("popstate", () => go(location.href, {}, false));

/* Keys. What a key presses is written on the page: data-key on a button, a link, a field, a fold. */
function press(key) {
  const all = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(shown);
  const ticked = main().querySelector(".list-pane .box input:checked");
  const open = main().querySelector(".pane");
  const inList = ticked || !open ? all.filter((one) => one.closest(".bulk")) : []; // an open letter is what keys are meant of
  const elsewhere = all.filter((one) => !one.closest(".bulk"));
  const one = (ticked && key === "m" ? [...inList, ...elsewhere] : [...elsewhere, ...inList])[0];
  if (!one) return false;
  const box = inList.includes(one) && !ticked ? focused()?.querySelector(".box input") : null;
  if (box && shown(box)) tick((last = box), true); // nothing is ticked: the row where one is is meant
  left = { focus: document.activeElement, box };
  if (typing(one)) one.focus();
  else if (one.matches("summary")) {
    one.click();
    const field = one.parentElement.open ? one.parentElement.querySelector("select, input:not([type=hidden])") : null;
    (field ?? one).focus();
    one.parentElement.scrollIntoView({ block: "nearest" }); // what has opened, not its head alone
  } else one.click();
  return true;
}

const MOVES = {
  j: () => walk(1),
  k: () => walk(-1),
  o: () => (here()?.querySelector(".text") ?? rows()[0])?.click(),
  x: () => {
    const box = here()?.querySelector(".box input");
    if (box && shown(box)) tick((last = box), !box.checked);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && typing(event.target) && left.focus?.isConnected && !event.isComposing) {
    event.preventDefault();
    event.target.blur();
    left.focus.focus();
    if (left.box) tick(left.box, false);
    return;
  }
  if (isOther(event) || busy || !keysAreOn()) return;
  if (press(event.key)) event.preventDefault();
  else if (MOVES[event.key]) {
    event.preventDefault();
    MOVES[event.key]();
  }
});

function dress() {
  dressKeys();
  countTicked();
}
dress();
arrive();
