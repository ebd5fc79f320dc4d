"""One form for letters that programs and keyboards write in several: what is compared is folded, what is kept never."""

import re
import unicodedata

# Marks of direction, joiners and soft hyphens stand around names and dates in right-to-left programs.
_GONE = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_SPACES = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DIGITS = "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯๐๑๒๓๔๕๖๗๘๙"
# Two keyboards write the Arabic yeh and kaf differently; Armenian ends an introduction with signs of its own; quotes
# vary. Each sign with those that are taken for it.
_SAME = {"ی": "يى", "ک": "ك", "ه": "ةۀ", ":": "՝։׃", "'": "’‘ʻʼ", '"': "“”„"}
_TABLE: dict[int, str | None] = {
    **{ord(sign): None for sign in _GONE},
    **{ord(sign): " " for sign in _SPACES},
    **{ord(sign): str(place % 10) for place, sign in enumerate(_DIGITS)},
    **{ord(sign): taken_for for taken_for, signs in _SAME.items() for sign in signs},
}
_IN_TABLE = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")
_WORD = re.compile(r"\w+")
# Han, kana, Thai, Lao, Khmer, Burmese, Tibetan: words have no spaces between them, so each sign counts as one.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def fold(text: str) -> str:
    """`text` without marks that nobody sees, in one case and one form. Its length may change."""
    if text.isascii():
        return text.replace("\t", " ").lower()
    one = _translate(unicodedata.normalize("NFKC", _translate(text)))
    return one.casefold().replace("i\u0307", "i")  # the Turkish capital I with its dot


def _translate(text: str) -> str:
    """`text` by the table. Most lines have none of its signs, which is seen in a sixth of the time."""
    return text.translate(_TABLE) if _IN_TABLE.search(text) else text


def split_words(text: str) -> list[str]:
    return _WORD.findall(text)
