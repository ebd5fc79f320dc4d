"""The house sentences of a Q&A block, by language, and the direction a language is written in.

A newsletter may word any of them its own way. The sentences are worded so that no name has to be declined and nobody's
sex is guessed: the expert stands in the nominative wherever the language declines, and the asker asks in a form that
fits anybody.
"""

import re
from collections.abc import Mapping

from .marks import fallbacks

PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "heading": "{section}: {headline}",
        "asked_many": "Readers asked:",
        "asked_one": "A reader asked:",
        "asked_credit": "{credit} asked:",
        "lead_in": "To find out more, I asked {name}, {credit_line}, {relation}:",
        "also": "I also asked {name}, {credit_line}, {relation}:",
        "comma": ", ",
    },
    "ar": {
        "asked_many": "سأل القراء:",
        "asked_one": "سؤال من أحد القراء:",
        "asked_credit": "سؤال من {credit}:",
        "lead_in": "لمعرفة المزيد، سألت {name}، {credit_line}، {relation}:",
        "also": "وسألت أيضًا {name}، {credit_line}، {relation}:",
        "comma": "، ",
    },
    "de": {
        "asked_many": "Leserinnen und Leser fragten:",
        "asked_one": "Frage aus der Leserschaft:",
        "asked_credit": "{credit} fragte:",
        "lead_in": "Darauf antwortet {name}, {credit_line}, {relation}:",
        "also": "Darauf antwortet auch {name}, {credit_line}, {relation}:",
    },
    "es": {
        "asked_many": "Preguntan nuestros lectores:",
        "asked_one": "Una pregunta que nos ha llegado:",
        "asked_credit": "{credit} pregunta:",
        "lead_in": "Para saber más, pregunté a {name}, {credit_line}, {relation}:",
        "also": "También pregunté a {name}, {credit_line}, {relation}:",
    },
    "fa": {
        "asked_many": "خوانندگان پرسیدند:",
        "asked_one": "یکی از خوانندگان پرسید:",
        "asked_credit": "{credit} پرسید:",
        "lead_in": "برای آگاهی بیشتر، از {name}، {credit_line}، {relation} پرسیدم:",
        "also": "همچنین از {name}، {credit_line}، {relation} پرسیدم:",
        "comma": "، ",
    },
    "fr": {
        "heading": "{section}\u00a0: {headline}",
        "asked_many": "Nos lectrices et lecteurs demandent\u00a0:",
        "asked_one": "Une question de notre lectorat\u00a0:",
        "asked_credit": "{credit} demande\u00a0:",
        "lead_in": "Pour en savoir plus, j'ai interrogé {name}, {credit_line}, {relation}\u00a0:",
        "also": "J'ai aussi interrogé {name}, {credit_line}, {relation}\u00a0:",
    },
    "kk": {
        "asked_many": "Оқырмандар сұрайды:",
        "asked_one": "Бір оқырман сұрайды:",
        "asked_credit": "{credit} сұрайды:",
        "lead_in": "Бұл сұраққа {name}, {credit_line}, {relation} жауап береді:",
        "also": "Сондай-ақ {name}, {credit_line}, {relation} жауап береді:",
    },
    "pl": {
        "asked_many": "Czytelnicy pytają:",
        "asked_one": "Pytanie z naszej skrzynki:",
        "asked_credit": "{credit} pyta:",
        "lead_in": "Odpowiada {name}, {credit_line}, {relation}:",
        "also": "Odpowiada także {name}, {credit_line}, {relation}:",
    },
    "ru": {
        "asked_many": "Читатели спрашивают:",
        "asked_one": "Вопрос от читателя:",
        "asked_credit": "{credit} спрашивает:",
        "lead_in": "На вопрос отвечает {name}, {credit_line}, {relation}:",
        "also": "Отвечает также {name}, {credit_line}, {relation}:",
    },
    "tr": {
        "asked_many": "Okurlar soruyor:",
        "asked_one": "Bir okur soruyor:",
        "asked_credit": "{credit} soruyor:",
        "lead_in": "Bu soruyu {name}, {credit_line}, {relation} yanıtlıyor:",
        "also": "Ayrıca {name}, {credit_line}, {relation} yanıtlıyor:",
    },
    "ug": {
        "asked_many": "ئوقۇرمەنلەر سورىدى:",
        "asked_one": "بىر ئوقۇرمەن سورىدى:",
        "asked_credit": "{credit} سورىدى:",
        "lead_in": "بۇ سوئالغا {name}، {credit_line}، {relation} جاۋاب بېرىدۇ:",
        "also": "شۇنداقلا {name}، {credit_line}، {relation} جاۋاب بېرىدۇ:",
        "comma": "، ",
    },
    "uk": {
        "asked_many": "Читачі запитують:",
        "asked_one": "Запитання від читача:",
        "asked_credit": "{credit} запитує:",
        "lead_in": "На запитання відповідає {name}, {credit_line}, {relation}:",
        "also": "Відповідає також {name}, {credit_line}, {relation}:",
    },
    "zh": {
        "heading": "{section}：{headline}",
        "asked_many": "读者问：",
        "asked_one": "一位读者问：",
        "asked_credit": "{credit}问：",
        "lead_in": "为此，我请教了{name}，{credit_line}，{relation}：",
        "also": "我还请教了{name}，{credit_line}，{relation}：",
        "comma": "，",
    },
    "zh-hant": {
        "asked_many": "讀者問：",
        "asked_one": "一位讀者問：",
        "lead_in": "為此，我請教了{name}，{credit_line}，{relation}：",
        "also": "我還請教了{name}，{credit_line}，{relation}：",
        "asked_credit": "{credit}問：",
    },
}
for _region in ("zh-tw", "zh-hk", "zh-mo"):
    PHRASES[_region] = PHRASES["zh-hant"]

_RIGHT_TO_LEFT = frozenset(("ar", "arc", "ckb", "dv", "fa", "glk", "he", "ks", "mzn", "ps", "sd", "ug", "ur", "yi"))
_RTL_SCRIPTS = frozenset(("adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"))
_SCRIPT = re.compile(r"-([a-z]{4})(?:-|\Z)")
_COMMAS = ",،，、"


def phrases_for(language: str, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The house sentences in a language; `own` holds the newsletter's wording of some of them."""
    phrases: dict[str, str] = {}
    for tag in reversed(fallbacks(language)):
        phrases |= PHRASES.get(tag, {})
    return phrases | {kind: body for kind, body in (own or {}).items() if body}


def direction(language: str) -> str:
    """ "rtl" or "ltr", by the script that the tag names (RFC 5646, section 2.2.3), else by the language's usual one."""
    script = _SCRIPT.search(language.lower())
    if script:
        return "rtl" if script[1] in _RTL_SCRIPTS else "ltr"
    return "rtl" if language.lower().split("-")[0] in _RIGHT_TO_LEFT else "ltr"


def fill(pattern: str, values: Mapping[str, str | None]) -> str:
    """Put values into a pattern; one that is absent goes with its comma or its brackets.

    Values are not read as patterns, and a placeholder of another name stays as it is.
    """
    for key in (key for key, value in values.items() if not value):
        hole = rf"\{{{key}\}}"
        pattern = re.sub(rf"\s*[(（]{hole}[)）]|^\s*{hole}\s*[{_COMMAS}]?\s*|\s*[{_COMMAS}]?\s*{hole}", "", pattern)
    return re.sub(r"\{(\w+)\}", lambda hole: values.get(hole[1]) or hole[0], pattern).strip()
