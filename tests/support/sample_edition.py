"""An edition for tests of the exports, with every script, list, emphasis, link and special character of answers."""

from app.typesetting.block import Block
from app.typesetting.house_form import CarriedCorrection, ItemContent, LeadIn, Voice, set_block, set_corrections

LEYLA = LeadIn("Leyla Aydın", "soil scientist at the Karakum Field Station", "who put up the plates")
ADDRESS = "nora@steppe.example"
ANSWER = """We put up **salt plates** in 2009, and *count* what falls on them: see [the list](https://steppe.example/a?b=1&c=2).

A village can ask for:

- the *figures*
- the maps of <2009>, & “more”

Then it

3. writes to leyla@karakum.example,
4. waits a week.

On the envelope:
Karakum Field Station
Box 7"""
PERSIAN_ANSWER = """صفحه‌های نمک را در سال ۲۰۰۹ گذاشتیم و **می‌شماریم** آنچه می‌ریزد؛ بنگرید به [فهرست](https://steppe.example/fa).

Karakum Field Station (Nukus) در سال 2009 این را آغاز کرد و هنوز هم هر سال آن را ادامه می‌دهد، و Leyla Aydın گفت: «نمک، everywhere!»

1. نامه بنویسید
2. Wait a week"""


def build_english_block(
    headline: str = "Who measures the <b>salt</b> & *why*?", answer: str = ANSWER, call: str | None = None
) -> Block:
    """Build a block with Timur's question and Leyla's answer. Only the last block of an edition has a call."""
    piece = ItemContent(
        "en", "typographic", "Ask The Steppe", headline, [None], 'Who "measures" it?', [Voice(LEYLA, answer)], call
    )
    return set_block(piece, ADDRESS)


def build_persian_block(answer: str = PERSIAN_ANSWER, call: str | None = None) -> Block:
    lead_in = LeadIn("لیلا آیدین", "خاک‌شناس ایستگاه Karakum")
    question = "چه کسی نمک را می‌سنجد؟ (Aral)"
    piece = ItemContent(
        "fa", "typographic", "از نفس بپرسید", "نمک دریاچه‌ی Aral", [None, None], question, [Voice(lead_in, answer)], call
    )
    return set_block(piece, ADDRESS)


def build_chinese_block() -> Block:
    voice = Voice(LeadIn("李娜", "土壤学家"), "没有人被告知。村庄可以要求*数据*。")
    return set_block(
        ItemContent("zh-Hant", "typographic", "問草原", "誰來測量？", [None], "誰來測量鹽？", [voice]), ADDRESS
    )


def build_corrections_block() -> Block:
    correction = CarriedCorrection(
        "The <b>Silos</b> & *more*", "https://steppe.example/q/1", "We wrote “2008” of _it_. It was 2009."
    )
    return set_corrections("en", [correction])


SAMPLE_EDITION = [
    build_english_block(), build_persian_block(), build_chinese_block(), build_english_block("Twice one expert", "Nobody.", "Write to {address}.\n\nOr don't."), build_corrections_block()
]  # fmt: skip
