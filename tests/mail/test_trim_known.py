"""What we sent, found again in what came back, however it was wrapped, marked and re-quoted on the way."""

import textwrap

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.reply_mails import EDITION, INVITATION, NEWSLETTER_ADDRESS, NEWSLETTER_NAME

WORDS = "Who pays for the lamps?\n\nAnd who for the dark?"
OURS = TrimContext(frozenset({NEWSLETTER_ADDRESS}), (EDITION, INVITATION))


def trim_text(text: str, context: TrimContext = OURS) -> str:
    return " ".join(trim(Mail(plain=text, body=text), context).text.split())


def test_the_edition_is_found_without_any_mark_above_and_below_the_words() -> None:
    other = "\n".join(textwrap.wrap(EDITION.replace('"', "“"), 50))
    flat = " ".join(WORDS.split())
    assert trim_text(f"{WORDS}\n\n{other}") == flat
    assert trim_text(f"{EDITION}\n\n{WORDS}") == flat
    assert trim_text(f"{WORDS}\n\nBlah {NEWSLETTER_ADDRESS} blah:\n\n{EDITION}") == flat
    assert trim_text(f"{WORDS}\n\n{EDITION}", TrimContext()) == " ".join(f"{WORDS} {EDITION}".split())


ANSWERED = (
    f"Dear Nora, my answers are below.\n\nFrom: {NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>\n"
    "Sent: Thursday\nTo: Leyla\nSubject: A question\n\n"
    + INVITATION.replace("lamps?\n", "lamps?\nThe third department of the district signs them.\n").replace("to pay?\n", "to pay?\nTwice.\n")
)  # fmt: skip


def test_answers_inside_a_quote_without_marks_are_found_because_we_know_what_we_asked() -> None:
    answers = "The third department of the district signs them. Twice."
    assert trim_text(ANSWERED) == f"Dear Nora, my answers are below. {answers}"
    assert trim_text(ANSWERED, TrimContext()) == "Dear Nora, my answers are below."
    assert trim_text(ANSWERED.split("\n\n", 1)[1]) == answers


def test_the_rest_of_a_quote_that_we_know_in_part_is_cut_with_it() -> None:
    heads = f"From: {NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>\nSent: Thursday\nTo: Timur\nSubject: 14"
    older = "From: Timur\nSent: Monday\nTo: Nora\nSubject: lamps\n\nAn older letter of mine.\n"
    assert trim_text(f"Thank you.\n\n{heads}\n\n{EDITION}\n\nA line that a server added.\n\n{older}") == "Thank you."


def test_a_short_citation_in_the_midst_of_the_words_is_theirs() -> None:
    cited = "You wrote that freight traffic begins next autumn, and it wrote the same sentence the year before.\n\nIs that true?"
    alone = "Freight traffic begins next autumn, the ministry wrote to us last week.\n\nIs that true?"
    title = "My question is this:\n\nWho pays for the lights on the empty road to Sarybulak?"
    assert [trim_text(text) for text in (cited, alone, title)] == [
        " ".join(text.split()) for text in (cited, alone, title)
    ]


def test_our_words_in_a_marked_quote_are_cut_though_nothing_introduces_it() -> None:
    assert (
        trim_text(
            '> "We sweep the platform every morning," says the stationmaster, "so that\n> it is ready."\n\nIs that true?'
        )
        == "Is that true?"
    )


def test_a_text_without_spaces_is_found_too() -> None:
    sent = "去年春天，河谷的洪水来得很早，随后人们为新堤坝的归属争论不休。本期我们去了一座没有铁轨的车站，那里有四十二名职工。"
    again = "去年春天，河谷的洪水来得很早，随后人们\n为新堤坝的归属争论不休。本期我们去了一座\n没有铁轨的车站，那里有四十二名职工。"
    assert trim_text(f"新桥为什么空着？\n\n{again}", TrimContext(texts=(sent,))) == "新桥为什么空着？"
