// While somebody types their question, the browser does a small sum, by which in a flood of letters theirs is told from a
// machine's (app/reader/proof_of_work.py). It is a bonus: without it, or sent before it is done, the question is taken all the same.
const token = document.querySelector("input[data-task]");
const PATIENCE = 8000; // milliseconds after which it is given up
const LOW = 0.3; // of a battery

/** Whether the browser says that data or power are to be spared. */
async function spares() {
  if (navigator.connection?.saveData || matchMedia("(prefers-reduced-data: reduce)").matches) return true;
  const battery = await navigator.getBattery?.().catch(() => null);
  return Boolean(battery && !battery.charging && battery.level < LOW);
}

async function work() {
  if (await spares()) return;
  const worker = new Worker(new URL("proof-worker.js", import.meta.url));
  const end = setTimeout(() => worker.terminate(), PATIENCE);
  worker.addEventListener("error", () => clearTimeout(end));
  worker.addEventListener("message", ({ data }) => {
    clearTimeout(end);
    worker.terminate();
    const solved = Object.assign(document.createElement("input"), { type: "hidden", name: "proof", value: data });
    solved.autocomplete = "off"; // no browser is to keep it for another form
    token.after(solved);
  });
  worker.postMessage(token.dataset.task);
}

if (token?.dataset.task && globalThis.Worker) {
  token.form.addEventListener("input", () => work().catch(() => {}), { once: true });
}
