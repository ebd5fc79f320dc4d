/* When to save what somebody types: soon after the last key, now and then while they type on, and again where it failed. */
export const PAUSE = 2000; // ms without a key before a save
export const LONGEST = 6000; // ms of typing on and on before a save
export const RETRY = [3000, 10000, 30000, 60000]; // ms until the next try while we can't be reached

/** Calls `send` when it is time; it gives whether that worked. `typed` is to be called at each key, `now` where it can't wait. */
export function saving(send) {
  let timer = 0;
  let first = 0; // when the oldest key since the last save was pressed
  let tries = 0;
  let busy = false;

  function later(wait) {
    clearTimeout(timer);
    timer = setTimeout(now, wait);
  }

  async function now() {
    clearTimeout(timer);
    if (busy) return later(PAUSE);
    busy = true;
    first = 0;
    const worked = await send();
    busy = false;
    tries = worked ? 0 : tries + 1;
    if (!worked) later(RETRY[Math.min(tries, RETRY.length) - 1]);
    else if (first) later(PAUSE);
  }

  return {
    now,
    typed() {
      first ||= Date.now();
      later(Math.max(0, Math.min(PAUSE, first + LONGEST - Date.now())));
    },
    stop: () => clearTimeout(timer),
    waits: () => first > 0,
    fails: () => tries > 0,
  };
}

/** Takes the token of the forms anew, where it has ended with its cookie, for instance by signing in again elsewhere. */
export async function renewToken(address) {
  try {
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    const fresh = page.querySelector("[name=csrf_token]")?.value;
    if (fresh) document.querySelectorAll("[name=csrf_token]").forEach((field) => (field.value = fresh));
  } catch {
    // Tried again with the next save.
  }
}
