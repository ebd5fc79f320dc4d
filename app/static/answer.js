/* Keeps what an expert types: on this device at once, with us every few seconds. A button is pressed only when we can be reached.
   Every page works without it. */
import { forget, guard, LATE, waits } from "./presses.js";
import { LONGEST, PAUSE, renewToken, RETRY } from "./saving.js";
import { words as countWords } from "./words.js";

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
const post = (address, body, more) => fetch(address, { method: "POST", body, headers: { Accept: "application/json" }, ...more });

function keep(form) {
  const { autosave, key, source, ...words } = form.dataset;
  const { count, knows, tab } = form.elements;
  const fields = [...form.querySelectorAll("[data-keep]")];
  const status = form.querySelector("[data-status]");
  let timer = 0;
  let first = 0; // when the oldest key since the last save was pressed
  let tries = 0;
  let last = Promise.resolve();

  const say = (...sentences) => (status.textContent = sentences.join(". "));
  const typed = () => fields.map((field) => (field.type === "checkbox" ? field.checked : field.value));
  const type = (values) => fields.forEach((field, at) => (field.type === "checkbox" ? (field.checked = values[at]) : (field.value = values[at])));
  const record = (saved) =>
    device.write(key, { values: typed(), names: fields.map((field) => field.name), tab: tab.value, count: +count.value, knows: knows.value, source, saved });

  function measure() {
    const number = form.querySelector("[data-words]");
    if (!number) return;
    const written = countWords(fields[0].value);
    number.textContent = written.toLocaleString(document.documentElement.lang, { useGrouping: false });
    const meter = form.querySelector("meter");
    meter.value = Math.min(written, meter.max);
  }

  function later(wait) {
    clearTimeout(timer);
    timer = setTimeout(() => waits() || save(), wait); // a press that waits saves before it goes
  }

  /* One save after the other; gives whether we could be reached. */
  function save() {
    clearTimeout(timer);
    return (last = last.then(send));
  }

  async function send() {
    clearTimeout(timer);
    first = 0;
    const sent = JSON.stringify(typed());
    count.value = +count.value + 1;
    let reply = null;
    try {
      reply = await post(autosave, new FormData(form), { keepalive: sent.length < 20000, signal: AbortSignal.timeout?.(LATE) });
      if (reply.ok) return settled(await reply.json(), sent);
    } catch {
      reply = null; // The device has it.
    }
    if (reply && CLOSED.includes(reply.status)) {
      record(false) && say(words.closed);
      return true;
    }
    if (reply?.status === 400) await renewToken(location.pathname.replace(/\/(?:preview|send|check)$/, ""));
    say(record(false) ? (navigator.onLine ? words.unreached : words.offline) : words.nowhere);
    later(RETRY[Math.min(tries++, RETRY.length - 1)]);
    return Boolean(reply);
  }

  function settled(answer, sent) {
    tries = 0;
    const newer = JSON.stringify(typed()) !== sent;
    if (!answer.kept) {
      // Newer words stand under this name, from a copy of this page: these get a name of their own.
      tab.value = newTab();
      count.value = 0;
    }
    if (newer || !answer.kept) later(PAUSE);
    else {
      record(true);
      if (!answer.open) say(words.closed);
      else say(words.here.replace("{time}", answer.at), ...(answer.beside ? [words.other] : []));
    }
    return true;
  }

  /* What this device kept and we don't have goes back into the box, unless somebody wrote on elsewhere since. */
  async function restore() {
    const kept = device.read(key);
    if (!kept || kept.saved || JSON.stringify(kept.values) === JSON.stringify(typed())) return;
    if ([kept.source, kept.tab].includes(source)) {
      type(kept.values);
      knows.value = JSON.stringify({ ...JSON.parse(knows.value), [kept.tab]: kept.count + 1 }); // its last save may still be on its way
      say(words.back);
      later(0);
      return;
    }
    const body = new FormData(form);
    fields.forEach((field, at) => body.set(field.name, kept.values[at]));
    body.set("tab", newTab());
    body.set("count", 0);
    body.set("knows", kept.knows ?? "{}"); // what was shown when this was written
    try {
      const reply = await post(autosave, body);
      if (!reply.ok) return;
    } catch {
      return; // The device still has it, for the next time.
    }
    await save(); // so that what stands in the box is the newest again
    say(words.beside);
  }

  form.querySelectorAll("[data-save]").forEach((button) => button.remove());
  form.addEventListener("input", () => {
    measure();
    record(false);
    first ||= Date.now();
    later(Math.max(0, Math.min(PAUSE, first + LONGEST - Date.now())));
  });
  /* A press goes out once we have the words. A look at how it will run doesn't wait: nothing is sent by it. */
  guard(form, save, (_form, button) => (button?.hasAttribute("formaction") ? forget() : say(words.waits)));
  addEventListener("online", () => later(0));
  document.addEventListener("visibilitychange", () => document.hidden && first && save());
  restore();
  measure();
}

/* A text is with the desk: another one that only this device has is kept beside it before it is forgotten here. */
async function handOver({ sent, draft, token }) {
  let more = false;
  for (const key of [sent, `${sent}-reply`]) {
    const kept = device.read(key);
    if (kept?.names && !kept.saved) {
      const body = new FormData();
      kept.names.forEach((name, at) => kept.values[at] && body.set(name, kept.values[at]));
      Object.entries({ csrf_token: token, tab: kept.tab, count: kept.count + 1, knows: kept.knows ?? "{}" }).forEach(([name, value]) => body.set(name, value));
      try {
        if (!(await post(draft, body)).ok) continue;
      } catch {
        continue; // The device still has it.
      }
      more = true;
    }
    device.forget(key);
  }
  if (more) location.reload();
}

/* A deadline is also said in the expert's own time, if their clock isn't the newsletter's. */
function tellOwnTime(note) {
  const { time, zone, words } = note.dataset;
  const lang = document.documentElement.lang.replace(/^en$/, "en-GB"); // as our dates in English are written
  const say = (timeZone) =>
    new Intl.DateTimeFormat(`${lang}-u-ca-gregory`, {
      weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone,
    }).format(new Date(time));
  if (say() === say(zone)) return;
  note.textContent = ` ${words.replace("{time}", say())}`;
  note.hidden = false;
}

document.querySelectorAll("[data-zone]").forEach(tellOwnTime);
document.querySelectorAll("form[data-autosave]").forEach(keep);
document.querySelectorAll("[data-sent]").forEach((page) => handOver(page.dataset));
