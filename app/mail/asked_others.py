"""The sentence that tells an expert how many others are asked: fixed when the mail leaves, put right by the next one.

What stands sealed is the mail as it was written; the number that it left with stands beside it (`asked_others`), and
whoever reads the mail reads what its expert was told.
"""

from ..text.translation import say
from .message import Message, replace_text

MOST = 100  # others that a sentence is looked for


def sentence(language: str, number: int) -> str:
    words = say(language)
    if not number:
        return words.gettext("I’m asking only you.")
    many = words.ngettext("I’m asking one other expert too.", "I’m asking %(num)d other experts too.", number)
    return many % {"num": number}


def find_sentence(message: Message) -> str:
    """Return the sentence as it stands in a mail; empty where it has none."""
    every = (sentence(message.language, number) for number in range(MOST))
    return next((one for one in every if one in message.text), "")


def with_number(message: Message, number: int) -> Message:
    """Let a mail say how many others are asked: in its own sentence, or in a paragraph before the name below it."""
    said = find_sentence(message)
    if said:
        text = message.text.replace(said, sentence(message.language, number))
    else:
        letter, _gap, name = message.text.rstrip("\n").rpartition("\n\n")
        text = "\n\n".join(filter(None, (letter, _change_sentence(message.language, number), name)))
    return replace_text(message, message.subject, text)


def _change_sentence(language: str, number: int) -> str:
    many = say(language).ngettext(
        "Since I wrote to you about this, something has changed: one other expert is asked too.",
        "Since I wrote to you about this, something has changed: %(num)d other experts are asked too.",
        number,
    )
    return many % {"num": number}
