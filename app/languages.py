"""What a language tag says about direction, and what a text's letters say about its language.

Tags are BCP 47 (RFC 5646): a script subtag, where there is one, decides. Scripts have their ISO 15924 codes.
"""

import re

RTL_SCRIPTS = frozenset(
    ["adlm", "arab", "aran", "hebr", "mand", "mend", "nkoo", "rohg", "samr", "syrc", "thaa"]
)  # fmt: skip
RTL_LANGUAGES = frozenset([
    "ar", "arc", "arz", "ary", "apc", "azb", "bal", "bqi", "ckb", "dv", "fa",
    "glk", "haz", "he", "iw", "ks", "lrc", "mzn", "nqo", "pnb", "prs", "ps", "sd", "skr", "syr", "ug", "ur", "yi",
])  # fmt: skip
# Languages that change their script with the country (CLDR, likelySubtags).
RTL_IN_COUNTRY = frozenset(
    ["kk-cn", "kk-af", "ky-cn", "uz-af", "az-ir", "az-iq", "pa-pk", "ku-iq", "ku-ir", "tk-ir", "tk-af", "ms-cc"]
)  # fmt: skip

# How a script is found in a text; no language of ours needs more of Unicode's script property than this.
SCRIPTS = {
    "Latn": re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏʻʼḀ-ỿ]"),
    "Cyrl": re.compile(r"[\u0400-\u052f]"),
    "Arab": re.compile(
        r"[\u0620-\u065f\u066e-\u06d5\u06ee-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]"
    ),
    "Hani": re.compile(r"[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    "Kana": re.compile(r"[\u3041-\u30ff]"),
    "Hang": re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]"),
    "Geor": re.compile(r"[\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2d]"),
    "Armn": re.compile(r"[\u0531-\u058a]"),
    "Grek": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "Hebr": re.compile(r"[\u05d0-\u05ea]"),
    "Deva": re.compile(r"[\u0900-\u097f]"),
    "Thai": re.compile(r"[\u0e01-\u0e5b]"),
    "Mong": re.compile(r"[\u1820-\u18aa]"),
    "Tibt": re.compile(r"[\u0f40-\u0fbc]"),
    "Ethi": re.compile(r"[\u1200-\u137f]"),
}
LOOKED_AT = 4000  # Characters; more of a text doesn't make a guess better.

LANGUAGE_OF_SCRIPT = {
    "Kana": "ja", "Hang": "ko", "Geor": "ka", "Armn": "hy", "Grek": "el", "Hebr": "he", "Deva": "hi", "Thai": "th",
    "Mong": "mn-Mong", "Tibt": "bo", "Ethi": "am",
}  # fmt: skip

# Per script: language, letters that set it apart from the commonest languages of the script, short words that nearly
# every sentence of it has. A letter scores one, a word two; on a tie the first row wins, and with no sign at all the
# script's fallback.
TELLING = {
    "Latn": [
        ("en", "", "the of and is are was do does did what why how who when with for this that they"),
        ("de", "äöüß", "der die das und ist nicht ein eine mit für warum wie was wer auf werden sind"),
        ("fr", "éèêàùçœ", "le la les des et est que une dans pour pourquoi comment quoi qui pas avec sont du"),
        ("es", "ñ¿¡óí", "el la los las de que es por qué cómo una para con no están hay del"),
        ("pl", "łąężźśćń", "i w nie się jest na co jak dlaczego czy to dla są przez"),
        ("sr-Latn", "čćđšž", "je da se na su li zašto kako šta što koji za od nije"),
        ("cs", "řěůčšž", "je se na proč jak co že jsou pro není"),
        ("tr", "ğışİçü", "ve bir bu için ne neden nasıl mi mı değil ile kim var"),
        ("az", "əğış", "və bir bu üçün nə niyə necə deyil ilə kim var"),
        ("uz", "ʻʼ", "va bu uchun nima nega qanday bilan emas bor kim bormi qachon oʻzbekiston"),
        ("kk-Latn", "ūñğşıä", "jäne bul nege qalai qandai üşın men emes bar kım"),
    ],
    "Cyrl": [
        ("ru", "ыэёъ", "и в не на что за а почему как это для кто чем или от они ли"),
        ("uk", "іїєґ", "і та не що чому як це для хто чи від вони але у"),
        ("be", "ўіёыэ", "і не што чаму як гэта для хто ці"),
        ("sr", "ђјљњћџ", "је да се на су ли зашто како шта што који за од није"),
        ("bg", "ъщ", "и на не защо как какво кой това за от са ли е"),
        ("ky", "ңөүыэ", "жана эмне үчүн кандай эмес менен бар бул ким кантип болот"),
        ("mn", "өүэ", "ба юу яагаад хэрхэн байна энэ хэн вэ"),
        ("kk", "әғқңөұүһіы", "және не неге қалай қандай үшін мен емес бар бұл кім бола"),
        ("tg", "ӣӯҳҷғқэ", "ва дар аз чаро чӣ барои ин аст"),
        ("uz-Cyrl", "ўқғҳэ", "ва бу учун нима нега қандай билан эмас бор"),
    ],
    "Arab": [
        ("fa", "پچژگکی", "و در از که چرا چه این است برای با را چگونه آیا های به"),
        ("ar", "ةأإكي", "في من على لماذا ما ماذا هل هذا أن إلى كيف عن التي"),
        ("ug", "ېۈۆۇڭەۋچپگژ", "ۋە نېمە نېمىشقا قانداق ئۈچۈن بىلەن بۇ ئەمەس"),
        ("kk-Arab", "ٴۇڭەۋچپگ", "جانە نەگە قالاي قانداي ٴۇشىن"),
        ("ckb", "ێڕڵۆەڤپچژگکی", "و لە بۆ چی بۆچی ئەم کە"),
        ("ur", "ٹڈڑںےہپچژگکی", "کے کی کا میں ہے کیوں کیا اور سے"),
        ("ps", "ښځڅډړۍټګڼېپچژکی", "د په چې ولې څه دا او"),
    ],
    "Hani": [
        ("zh-Hans", ("国们这个来时会为说么对过发后没还问题现实关开门见买"
                     "卖长东车马书话让经给请谁谈进边难务业产电网报维亚华汉语"), ""),
        ("zh-Hant", ("國們這個來時會為說麼對過發後沒還問題現實關開門見買"
                     "賣長東車馬書話讓經給請誰談進邊難務業產電網報維亞華漢語"), ""),
    ],
}  # fmt: skip
FALLBACK = {"Cyrl": "ru", "Arab": "ar", "Hani": "zh-Hans"}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text in a table for translation; it is translated where it is used."""
    return text


def direction(language: str) -> str:
    """Return 'rtl' or 'ltr', for the `dir` attribute of text in this language."""
    name, *rest = language.replace("_", "-").lower().split("-")
    scripts = [part for part in rest if len(part) == 4 and part.isalpha()]
    if scripts:
        return "rtl" if scripts[0] in RTL_SCRIPTS else "ltr"
    countries = [part for part in rest if len(part) == 2]
    rtl = name in RTL_LANGUAGES or any(f"{name}-{country}" in RTL_IN_COUNTRY for country in countries)
    return "rtl" if rtl else "ltr"


def script_of(text: str) -> str:
    """Name the script that most letters of a text belong to (ISO 15924), or 'Zyyy' if there is none."""
    seen = {script: len(letters.findall(text[:LOOKED_AT])) for script, letters in SCRIPTS.items()}
    best = max(seen, key=lambda script: seen[script])
    # Japanese writes its grammar in kana between Han signs, so a fifth of kana settles it.
    if best == "Hani" and seen["Kana"] * 5 >= seen["Hani"]:
        best = "Kana"
    return best if seen[best] else "Zyyy"


def guess_language(text: str) -> str:
    """Suggest a BCP 47 tag for a text, or 'und'.

    It is a guess from a few telling letters and words, shown for a person to correct and never acted on by itself.
    """
    script = script_of(text)
    if script in LANGUAGE_OF_SCRIPT:
        return LANGUAGE_OF_SCRIPT[script]
    lower = text[:LOOKED_AT].replace("İ", "i").lower().replace("o'", "oʻ").replace("g'", "gʻ").replace("o‘", "oʻ")
    words = re.findall(r"[^\W\d_]+", lower)
    scores = {
        language: sum(map(lower.count, letters)) + 2 * sum(map(words.count, telling.split()))
        for language, letters, telling in TELLING.get(script, [])
    }
    best = max(scores, key=lambda language: scores[language], default="und")
    return best if scores.get(best) else FALLBACK.get(script, "und")
