/* What is pasted from Word, Google Docs or a page keeps its paragraphs, line breaks, lists, links, bold and italics, as Markdown. Without
   scripts the browser pastes the bare words, a line for each paragraph, and the house form makes of them what it can. */
const BLOCKS = "address, article, blockquote, dd, div, dl, dt, figure, h1, h2, h3, h4, h5, h6, hr, li, ol, p, pre, section, table, td, th, tr, ul";
const SAFE = /^(?:https?:|mailto:)/i;
const WORDS_LIST = /mso-list:\s*l\d/i; // Word writes its lists as paragraphs, each with its bullet or number in a part to be ignored
const IGNORED = /mso-list:\s*ignore/i;

/* Bold and italics stand between characters that no script uses until the paragraph is complete. */
const STYLES = [
  { start: "\u{10fff0}", end: "\u{10fff1}", sign: "**" },
  { start: "\u{10fff2}", end: "\u{10fff3}", sign: "*" },
];

/** Whether an element's text is bold, and whether it is in italics. What its style says counts, then its name: Google Docs wraps all of a
    text in a <b> that isn't bold. The style is read as text, since the page's policy applies no inline styles. */
function styleOf(element, [bold, italic]) {
  const style = element.getAttribute("style") ?? "";
  const weight = /(?:^|[;\s])font-weight:\s*([\w]+)/i.exec(style)?.[1];
  const slant = /(?:^|[;\s])font-style:\s*([\w]+)/i.exec(style)?.[1];
  if (weight) bold = /^bold/i.test(weight) || Number(weight) >= 600;
  else if (element.matches("b, strong")) bold = true;
  if (slant) italic = slant.toLowerCase() !== "normal";
  else if (element.matches("i, em")) italic = true;
  return [bold, italic];
}

const styled = (text, style) => STYLES.reduceRight((inner, { start, end }, at) => (style[at] ? start + inner + end : inner), text);

/** The marks as Markdown's signs: neighbours in one style together, and no space within the signs. */
function signed(text) {
  for (const { start, end, sign } of STYLES) {
    text = text
      .replace(new RegExp(`${end}([^\\S\\n]*)${start}`, "gu"), "$1")
      .replace(new RegExp(`${start}(\\s*)([^${end}]*?)(\\s*)${end}`, "gu"), (_, before, inside, after) => before + (inside && sign + inside + sign) + after);
  }
  return text;
}

/** The sign of a list's item: a number with a point, or a dash for whatever else there is. */
const sign = (text) => /^\s*\d+/.exec(text)?.[0].trim().concat(".") ?? "-";

function signOf(element) {
  if (element.matches("li")) {
    const list = element.parentElement;
    const before = [...list.children].filter((one) => one.matches("li")).indexOf(element);
    return list.matches("ol") ? `${Number(list.start ?? 1) + before}.` : "-";
  }
  if (!WORDS_LIST.test(element.getAttribute("style") ?? "")) return "";
  const marker = [...element.querySelectorAll("[style]")].find((one) => IGNORED.test(one.getAttribute("style")));
  return marker ? sign(marker.textContent) : "-";
}

function linked(words, href) {
  if (!SAFE.test(href) || !words.trim()) return words;
  const [, before, inside, after] = /^(\s*)([^]*?)(\s*)$/.exec(words);
  const address = href.replace(/[()\s]/g, encodeURIComponent).replace(/\(/g, "%28").replace(/\)/g, "%29");
  return inside === href ? `${before}<${href}>${after}` : `${before}[${inside.replace(/[[\]]/g, "\\$&")}](${address})${after}`;
}

/** HTML as it lies on the clipboard, as the Markdown that the house form reads. */
export function markdown(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  const parts = []; // paragraphs and items: { sign, text }
  let open = null;
  let item = null; // the item whose first words are still to come

  function add(text) {
    if (!open) {
      if (!text.trim()) return;
      parts.push((open = { sign: item ?? "", text: "" }));
      item = null;
    }
    open.text += text;
  }

  function walk(node, outer) {
    if (node.nodeType === Node.TEXT_NODE) return add(styled(node.data.replace(/\s+/g, " "), outer));
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches("style, script, title") || IGNORED.test(node.getAttribute("style") ?? "")) return;
    if (node.matches("br")) return open && add("\n");
    const style = node.matches("h1, h2, h3, h4, h5, h6") ? [false, false] : styleOf(node, outer);
    const walkChildren = () => node.childNodes.forEach((child) => walk(child, style));
    if (node.matches(BLOCKS)) {
      open = null;
      item = signOf(node) || item;
      walkChildren();
      open = null;
      if (node.matches("li")) item = null;
      return;
    }
    if (!node.matches("a[href]")) return walkChildren();
    add("");
    const [paragraph, from] = [open, open?.text.length ?? 0];
    walkChildren();
    const at = paragraph ?? open;
    if (at && at === open) at.text = at.text.slice(0, from) + linked(at.text.slice(from), node.getAttribute("href"));
  }

  walk(body, [false, false]);
  return parts
    .map(({ text, ...part }) => ({ ...part, text: signed(text).trim().replace(/ *\n(?: *\n)+ */g, "\n\n").replace(/ *(?<!\n)\n(?!\n) */g, "  \n").replace(/ {2,}(?!\n)/g, " ") }))
    .filter((part) => part.text)
    .map((part, at, all) => (at ? (part.sign && all[at - 1].sign ? "\n" : "\n\n") : "") + (part.sign && `${part.sign} `) + part.text)
    .join("");
}

/** Into the box as if it were typed, so that it can be undone; `setRangeText` where the browser knows no other way. */
function type(box, text) {
  if (document.execCommand("insertText", false, text)) return;
  box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

document.querySelectorAll("textarea[data-markdown]").forEach((box) =>
  box.addEventListener("paste", (event) => {
    const text = markdown(event.clipboardData.getData("text/html"));
    if (!text) return;
    event.preventDefault();
    type(box, text);
  }),
);
