/* While the desk edits an answer: the count of words at each key, the changes at each pause. Without it a button shows them. */
import { words } from "./words.js";

const PAUSE = 700; // ms without a key before the changes are asked for

function follow(form) {
  const box = form.elements.answer;
  const count = form.querySelector("[data-words]");
  const meter = form.querySelector("meter");
  const changes = document.getElementById(form.dataset.changes);
  let timer = 0;
  let asked = 0;

  function measure() {
    const number = words(box.value);
    count.textContent = number;
    meter.value = Math.min(number, meter.max);
    form.classList.toggle("is-long", number > Number(form.dataset.wanted));
  }

  /* The newest request alone is shown: an older one may come back later. */
  async function look() {
    const mine = ++asked;
    const body = new FormData(form);
    body.set("act", "look");
    try {
      const reply = await fetch(form.action, { method: "POST", body });
      if (!reply.ok || mine !== asked) return;
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const fresh = page.getElementById(changes.id);
      if (fresh && mine === asked) changes.replaceChildren(...fresh.childNodes);
    } catch {
      // Offline: what stands there is from the last time.
    }
  }

  box.addEventListener("input", () => {
    measure();
    clearTimeout(timer);
    if (changes) timer = setTimeout(look, PAUSE);
  });
  if (changes) form.querySelector("[data-look]")?.remove();
  measure();
}

document.querySelectorAll("form[data-changes]").forEach(follow);
