/* Keeps what an expert types: on this device at once, with us every few seconds. Every page works without it. */
import { words } from "./words.js";

const PAUSE = 2000; // ms without a key before a save
const LONGEST = 6000; // ms of typing on and on before a save
const RETRY = [3000, 10000, 30000, 60000]; // ms until the next try while we can't be reached
const CLOSED = [404, 409, 410]; // the page can't take this text any more

/* A device may refuse to keep anything; then the text is only kept with us. */
const device = {
  read(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
  forget(key) {
    try {
      localStorage.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  },
};

const newTab = () => Math.random().toString(16).slice(2, 10);
const clock = (time) => time.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function keep(form) {
  const { autosave, key, source, here, device: onDevice, back, beside, closed } = form.dataset;
  const fields = [...form.querySelectorAll("[data-keep]")];
  const status = form.querySelector("[data-status]");
  const said = form.elements.tab;
  let timer = 0;
  let first = 0; // when the oldest key since the last save was pressed
  let tries = 0;
  let busy = false;

  const say = (sentence) => (status.textContent = sentence.replace("{time}", clock(new Date())));
  const typed = () => fields.map((field) => (field.type === "checkbox" ? field.checked : field.value));
  const type = (values) => fields.forEach((field, at) => (field.type === "checkbox" ? (field.checked = values[at]) : (field.value = values[at])));
  const record = (saved) => device.write(key, { values: typed(), tab: said.value, count: +form.elements.count.value, source, saved });

  function measure() {
    const count = form.querySelector("[data-words]");
    if (!count) return;
    const number = words(fields[0].value);
    count.textContent = number;
    const meter = form.querySelector("meter");
    meter.value = Math.min(number, meter.max);
  }

  function later(wait) {
    clearTimeout(timer);
    timer = setTimeout(save, wait);
  }

  async function save() {
    clearTimeout(timer);
    if (busy) return later(PAUSE);
    busy = true;
    first = 0;
    const sent = JSON.stringify(typed());
    form.elements.count.value = +form.elements.count.value + 1;
    let reply = null;
    try {
      reply = await fetch(autosave, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, keepalive: sent.length < 20000 });
    } catch {
      // Offline: the device has it.
    }
    busy = false;
    if (reply?.ok) return settled(await reply.json(), sent);
    if (reply && CLOSED.includes(reply.status)) return say(closed);
    if (reply?.status === 400) await renew();
    record(false) && say(onDevice);
    later(RETRY[Math.min(tries++, RETRY.length - 1)]);
  }

  function settled(answer, sent) {
    tries = 0;
    const newer = JSON.stringify(typed()) !== sent;
    if (!answer.kept) {
      // Newer words stand under this name, from a copy of this page: these get a name of their own.
      said.value = newTab();
      form.elements.count.value = 0;
    }
    if (newer || !answer.kept) return later(PAUSE);
    record(true);
    say(here);
  }

  /* The token of the form has ended with its cookie, for instance by signing in elsewhere: the page gives a new one. */
  async function renew() {
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.pathname.replace(/\/(?:preview|send|check)$/, ""))).text(), "text/html");
      const fresh = page.querySelector("[name=csrf_token]")?.value;
      if (fresh) document.querySelectorAll("[name=csrf_token]").forEach((field) => (field.value = fresh));
    } catch {
      // Tried again with the next save.
    }
  }

  /* What this device kept and we don't have goes back into the box, unless somebody wrote on elsewhere since. */
  async function restore() {
    const kept = device.read(key);
    if (!kept || kept.saved || JSON.stringify(kept.values) === JSON.stringify(typed())) return;
    if ([kept.source, kept.tab].includes(source)) {
      type(kept.values);
      say(back);
      later(0);
      return;
    }
    const body = new FormData(form);
    fields.forEach((field, at) => body.set(field.name, kept.values[at]));
    body.set("tab", newTab());
    body.set("count", 0);
    try {
      const reply = await fetch(autosave, { method: "POST", body, headers: { Accept: "application/json" } });
      if (!reply.ok) return;
    } catch {
      return; // The device still has it, for the next time.
    }
    await save(); // so that what stands in the box is the newest again
    say(beside);
  }

  form.querySelectorAll("[data-save]").forEach((button) => button.remove());
  form.addEventListener("input", () => {
    measure();
    record(false);
    first ||= Date.now();
    later(Math.max(0, Math.min(PAUSE, first + LONGEST - Date.now())));
  });
  addEventListener("online", () => later(0));
  document.addEventListener("visibilitychange", () => document.hidden && first && save());
  restore();
  measure();
}

document.querySelectorAll("form[data-autosave]").forEach(keep);
document.querySelectorAll("[data-sent]").forEach((page) => {
  device.forget(page.dataset.sent);
  device.forget(`${page.dataset.sent}-reply`);
});
