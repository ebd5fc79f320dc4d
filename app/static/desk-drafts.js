/* Keeps what is typed into a form of the desk, every few seconds, and puts it back when the form is opened again. */
import { waits } from "./presses.js";
import { renewToken, saving } from "./saving.js";

const LOOK = 15000; // ms between two looks at who else is typing
const AT_ONCE = 60000; // characters that a browser still sends while its page goes
const CLOSED = [404, 409, 410, 413]; // this form can't be kept any more
const NOT_TYPED = ["csrf_token", "once", "draft", "seen"];

function keep(place) {
  const { keep: address, save, failed, closed, beside, here } = place.dataset;
  const form = [...document.querySelectorAll("form[method=post]")].find((one) => new URL(one.action).pathname === new URL(address, location).pathname && one.querySelector("textarea, input:not([type=hidden])"));
  if (!form) return;
  const name = Object.assign(document.createElement("input"), { type: "hidden", name: "draft", value: place.dataset.draft });
  const status = Object.assign(document.createElement("p"), { className: "quiet" });
  const others = Object.assign(document.createElement("p"), { className: "quiet" });
  for (const one of [status, others]) one.setAttribute("role", "status");
  form.append(name, status, others);

  const fields = () => [...new FormData(form)].filter(([, value]) => typeof value === "string");
  const typed = () => JSON.stringify(fields().filter(([one]) => !NOT_TYPED.includes(one)));
  const began = typed();
  const drawn = "typed" in place.dataset; // after a press that wasn't taken, with what was typed: it isn't kept yet
  let kept = drawn ? "" : began; // what we have of it
  let onItsWay = "";
  let sent = false;
  let ended = false; // it can't be kept any more

  const differs = (one) => (one.type === "checkbox" || one.type === "radio" ? one.checked !== one.defaultChecked : one.matches("select") ? [...one.options].some((each) => each.selected !== each.defaultSelected) : one.value !== one.defaultValue);
  const changed = () => [...new Set([...form.elements].filter((one) => one.name && one.type !== "hidden" && !one.matches("button") && differs(one)).map((one) => one.name))];

  async function send() {
    const now = typed();
    if (sent || ended || now === kept || now === onItsWay) return true;
    if (now === began && !drawn) return forget(now);
    onItsWay = now;
    const body = JSON.stringify({ form: new URL(address, location).pathname, draft: name.value, fields: fields().filter(([one]) => one !== "draft"), changed: changed() });
    try {
      const headers = { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrf_token.value };
      const reply = await fetch(save, { method: "POST", body, headers, keepalive: body.length < AT_ONCE });
      if (reply.ok) return settle(await reply.json(), now);
      if (CLOSED.includes(reply.status)) {
        ended = true;
        status.textContent = closed;
        return true;
      }
      if (reply.status === 400) await renewToken(location.href);
    } catch {
      // Tried again; until then it says so.
    } finally {
      onItsWay = "";
    }
    status.textContent = failed;
    return false;
  }

  /** Everything stands as it did when the page was opened: there is no draft. */
  async function forget(now) {
    if (name.value) {
      const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
      const reply = await fetch(`${save}/${name.value.split(".")[0]}/drop`, { method: "POST", body, redirect: "manual" }).catch(() => null);
      if (!reply) return false;
    }
    name.value = status.textContent = "";
    kept = now;
    return true;
  }

  function settle(answer, now) {
    kept = now;
    name.value = answer.draft;
    status.textContent = answer.said;
    tell(answer.beside);
    if (typed() !== kept) saver.typed();
    return true;
  }

  const label = (one) => (form.querySelector(`label[for="${CSS.escape(form.elements[one]?.id ?? "")}"]`)?.firstChild.textContent ?? one).trim();
  /** Says who types here too: beside each field that they change, and at the end of the form for whoever listens. */
  function tell(people) {
    form.querySelectorAll("[data-typing]").forEach((note) => note.remove());
    let shown = people.length > 0;
    for (const one of people) {
      for (const name of one.fields) {
        const control = form.elements[name];
        const place = (control?.length && !control.options ? control[0] : control)?.closest(".field");
        if (!place) shown = false;
        place?.append(Object.assign(document.createElement("p"), { className: "below", textContent: here.replace("{name}", one.name) }));
        place?.lastElementChild.setAttribute("data-typing", "");
      }
      if (!one.fields.length) shown = false;
    }
    others.classList.toggle("unseen", shown);
    const text = people.map((one) => beside.replace("{name}", one.name).replace("{fields}", one.fields.map(label).join(", "))).join(" ");
    if (others.textContent !== text) others.textContent = text;
  }

  async function look() {
    if (document.hidden || sent) return;
    try {
      const reply = await fetch(`${save}?form=${encodeURIComponent(new URL(address, location).pathname)}`);
      if (reply.ok) tell((await reply.json()).beside);
    } catch {
      // Nobody is told of then.
    }
  }

  const saver = saving(send);

  function put(offer) {
    const values = JSON.parse(offer.dataset.fields);
    const of = (one) => values.filter(([each]) => each === one.name).map(([, value]) => value);
    const taken = {};
    for (const one of form.elements) {
      if (!one.name || one.matches("button") || ["csrf_token", "once", "draft"].includes(one.name)) continue;
      if (one.type === "checkbox" || one.type === "radio") one.checked = of(one).includes(one.value);
      else if (one.type !== "file" && of(one).length) one.value = of(one)[(taken[one.name] = (taken[one.name] ?? -1) + 1)] ?? one.value;
    }
    name.value = offer.dataset.name;
    kept = typed();
    offer.querySelector("[data-back]").hidden = false;
    offer.querySelector("[data-put]").hidden = true;
    for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    form.dispatchEvent(new Event("input", { bubbles: true })); // so that words are counted
  }

  const offers = [...place.querySelectorAll("[data-fields]")];
  offers.forEach((offer, at) => {
    const button = offer.querySelector("[data-put]");
    button.hidden = at === 0;
    button.addEventListener("click", () => {
      offers.forEach((one) => (one.querySelector("[data-back]").hidden = true) || (one.querySelector("[data-put]").hidden = false));
      put(offer);
    });
  });
  if (offers.length) put(offers[0]);

  form.addEventListener("input", () => typed() !== kept && saver.typed());
  // On the window, behind the guard of presses.js: a press that waits isn't sent yet.
  addEventListener("submit", (event) => {
    if (event.target !== form || event.submitter?.formMethod === "get" || waits()) return;
    sent = true;
    saver.stop();
    setTimeout(() => (sent = false), 5000); // where it couldn't be sent, it is kept on
  });
  addEventListener("online", () => saver.now());
  document.addEventListener("visibilitychange", () => document.hidden && saver.waits() && saver.now());
  addEventListener("pagehide", send);
  addEventListener("beforeunload", (event) => {
    if (!sent && typed() !== kept && (saver.fails() || ended)) event.preventDefault();
  });
  form.addEventListener("focusin", () => {
    look();
    setInterval(look, LOOK);
  }, { once: true });
  if (drawn) saver.now();
}

document.querySelectorAll("[data-keep]").forEach(keep);
