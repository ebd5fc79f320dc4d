// The fields for several experts stand there once there are several to ask, or one who was asked before.
const form = document.querySelector("form.ask");
const several = form?.querySelector("[data-several]");

function look() {
  const ticked = form.querySelectorAll("[name=expert]:checked").length;
  const many = ticked + (form.elements.name.value.trim() ? 1 : 0) > 1;
  several.hidden = !many && several.dataset.several !== "standing" && !several.querySelector(".error");
  if (many) several.open = true;
}

if (several) {
  form.addEventListener("input", look);
  addEventListener("pageshow", look); // a browser that comes back has its ticks by then
  look();
}
