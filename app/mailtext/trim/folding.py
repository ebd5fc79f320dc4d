"""Folding of texts for comparison: one form for characters that programs and keyboards write differently."""

import re
import unicodedata

# Direction marks, joiners and soft hyphens, which programs for right-to-left scripts put around names and dates.
_INVISIBLE = (
    "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_SPACES = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DIGITS = "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯๐๑๒๓๔๕๖๗๘๙"  # 0 to 9 in five scripts
# Each character with its variants: Arabic and Persian keyboards have different yeh and kaf, Armenian and Hebrew have
# their own colons, and quotation marks vary.
_VARIANTS = {"ی": "يى", "ک": "ك", "ه": "ةۀ", ":": "՝։׃", "'": "’‘ʻʼ", '"': "“”„"}
_REPLACEMENTS: dict[int, str | None] = {
    **{ord(character): None for character in _INVISIBLE},
    **{ord(character): " " for character in _SPACES},
    **{ord(digit): str(index % 10) for index, digit in enumerate(_DIGITS)},
    **{ord(variant): character for character, variants in _VARIANTS.items() for variant in variants},
}
_REPLACED = re.compile(f"[{re.escape(''.join(map(chr, _REPLACEMENTS)))}]")
_WORD = re.compile(r"\w+")
# Han, kana, Thai, Lao, Khmer, Burmese, Tibetan: scripts without spaces between words, so each character counts as one.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def fold(text: str) -> str:
    """Return the text in NFKC, case-folded, without invisible characters. Its length may change."""
    if text.isascii():
        return text.replace("\t", " ").lower()
    normalized = unicodedata.normalize("NFKC", _replace_variants(text))
    # Normalization may create characters that need replacing. The last step removes the dot of the Turkish "İ".
    return _replace_variants(normalized).casefold().replace("i\u0307", "i")


def _replace_variants(text: str) -> str:
    # Most lines have none of these characters, and searching for them is six times faster than translating.
    return text.translate(_REPLACEMENTS) if _REPLACED.search(text) else text


def split_words(text: str) -> list[str]:
    return _WORD.findall(text)
