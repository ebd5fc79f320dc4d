// Puts an export or an address on the clipboard. Without scripts the button stays hidden, and the files beside it do the same work.

/** Formatted text, so that a mail programme pastes paragraphs and not tags; with the plain text for all others. */
async function copyHtml(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  const plain = [...body.querySelectorAll("h2, p, li")].map((part) => part.textContent).join("\n\n");
  const blob = (type, text) => new Blob([text], { type });
  await navigator.clipboard.write([
    new ClipboardItem({ "text/html": blob("text/html", html), "text/plain": blob("text/plain", plain) }),
  ]);
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.status);
  return answer.text();
}

async function copy(button) {
  const status = button.parentElement.querySelector("[role=status]");
  try {
    const text = button.dataset.text ?? (await fetched(button.dataset.copy));
    if (button.dataset.copy?.endsWith(".html")) await copyHtml(text);
    else await navigator.clipboard.writeText(text);
    status.textContent = button.dataset.done;
  } catch {
    status.textContent = button.dataset.failed;
  }
}

/** Show the buttons that copy, where the browser lets us; called again when the page has changed. */
export function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button:is([data-copy], [data-text])[hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}
