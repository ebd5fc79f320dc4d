/* Counts words by the rule of app/text/clean.py: words in any script, without Markdown's marks and addresses; Han and Kana signs count half,
   letters of scripts without spaces a fifth. */
const SIGN = /[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/gu;
const SPACELESS = /[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]/gu;
const WORD = /[\p{L}\p{M}\p{N}]+(?:['’ʼʻ‘·‐‑\u200c\u200d\u00ad\u2060-]+[\p{L}\p{M}\p{N}]+|(?<=\p{Nd})[.,]\p{Nd}+)*/gu;

export function words(text) {
  const plain = text.replace(/\]\([^)\s]*\)/g, "]").replace(/https?:\/\/\S+|\bwww\.\S+/gi, " link ").replace(/^[ \t]*\d{1,9}[.)](?=\s)/gm, " ");
  const count = (pattern) => (plain.match(pattern) || []).length;
  const spaced = (plain.replace(SIGN, " ").replace(SPACELESS, " ").match(WORD) || []).length;
  return spaced + Math.ceil(count(SIGN) / 2 + count(SPACELESS) / 5);
}
