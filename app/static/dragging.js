// Drags a Q&A by its grip, with a mouse, a pen or a finger: within the slots, into them from what is ready, or out of them.
// Each of these moves has a button as well; whoever can't drag misses nothing.

const EDGE = 64; // px from the window's edge where it begins to scroll
const SPEED = 12; // px a frame
const STILL = 6; // px that a hand moves without meaning to drag

/** Where the pointer would put the Q&A: its place among the slots, "out", or null for where it was. */
function target(event, item, list, ready, middles) {
  const inside = (box) =>
    event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top - EDGE && event.clientY <= box.bottom + EDGE;
  if (inside(list.getBoundingClientRect())) return middles.filter((middle) => middle < event.clientY + scrollY).length;
  return list.contains(item) && inside(ready.getBoundingClientRect()) ? "out" : null;
}

/** What follows the pointer: the item as it looks, without what can be pressed in it. */
function ghostOf(item) {
  const box = item.getBoundingClientRect();
  const ghost = document.createElement("div");
  ghost.className = "slot ghost-slot";
  ghost.setAttribute("aria-hidden", "true");
  ghost.append(item.querySelector(".head").cloneNode(true));
  ghost.style.inlineSize = `${Math.min(box.width, 360)}px`;
  document.body.append(ghost);
  return ghost;
}

/**
 * Let grips be dragged. `drop(order)` gets the keys of the slots in their new order, once somebody lets go at another place.
 */
export function letDrag(drop) {
  document.addEventListener("pointerdown", (down) => {
    const grip = down.target.closest?.(".grip");
    if (!grip || down.button !== 0) return;
    down.preventDefault();
    const item = grip.closest("[data-question]");
    const list = document.getElementById("slot-list");
    const ready = document.getElementById("ready-list");
    const slots = [...list.querySelectorAll(".slot[data-question]")];
    const others = slots.filter((slot) => slot !== item);
    // Measured once: the gap that opens moves the slots below it, and must not move what is aimed at.
    const middles = others.map((slot) => {
      const box = slot.getBoundingClientRect();
      return box.top + box.height / 2 + scrollY;
    });
    const ghost = ghostOf(item);
    const gap = document.createElement("li");
    gap.className = "slot slot--here";
    let place = null;
    let last = down;
    let frame = 0;

    const follow = (event) => {
      last = event;
      ghost.style.transform = `translate(${event.clientX + 12}px, ${event.clientY + 12}px)`;
      place = target(event, item, list, ready, middles);
      ready.classList.toggle("is-target", place === "out");
      if (typeof place !== "number") return gap.remove();
      list.insertBefore(gap, others[place] ?? list.querySelector(".slot--open"));
    };
    const scroll = () => {
      const step = last.clientY < EDGE ? -SPEED : last.clientY > innerHeight - EDGE ? SPEED : 0;
      if (step) {
        scrollBy(0, step);
        follow(last);
      }
      frame = requestAnimationFrame(scroll);
    };
    const end = (keep) => {
      cancelAnimationFrame(frame);
      removeEventListener("pointermove", follow);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", cancel);
      removeEventListener("keydown", escape);
      ghost.remove();
      gap.remove();
      item.classList.remove("is-dragged");
      ready.classList.remove("is-target");
      const moved = Math.hypot(last.clientX - down.clientX, last.clientY - down.clientY);
      if (!keep || place === null || moved < STILL) return;
      const order = [...others];
      if (place !== "out") order.splice(place, 0, item);
      const keys = order.map((slot) => slot.dataset.question);
      if (keys.join() !== slots.map((slot) => slot.dataset.question).join()) drop(keys, item);
    };
    const up = () => end(true);
    const cancel = () => end(false);
    const escape = (event) => event.key === "Escape" && end(false);

    item.classList.add("is-dragged");
    addEventListener("pointermove", follow);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", cancel);
    addEventListener("keydown", escape);
    follow(down);
    frame = requestAnimationFrame(scroll);
  });
}
