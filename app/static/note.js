/* Buttons that write a colleague's name into a note. Without scripts the names stand there to be typed. */
for (const button of document.querySelectorAll("button[data-mention]")) {
  const box = document.getElementById(button.dataset.into);
  button.hidden = false;
  button.addEventListener("click", () => {
    const at = box.selectionStart;
    const before = box.value.slice(0, at);
    const name = `${before && !/\s$/.test(before) ? " " : ""}@${button.dataset.mention} `;
    box.setRangeText(name, at, box.selectionEnd, "end");
    box.focus();
  });
}
