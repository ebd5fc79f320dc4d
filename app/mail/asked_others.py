"""The sentence that tells an expert how many others are asked: fixed when the mail leaves, corrected in the next one.

The sealed content is the mail as it was composed. The number at the time of sending is stored in the column
`asked_others`, and `outbox.read` puts it into the text, so that the desk sees what the expert was told.
"""

from ..text.translation import say
from .message import Message, replace_text

MOST = 100  # `find_sentence` tries every number below this one


def sentence(language: str, number: int) -> str:
    """Return the sentence for `number` other experts."""
    words = say(language)
    if not number:
        return words.gettext("I’m asking only you.")
    many = words.ngettext("I’m asking one other expert too.", "I’m asking %(num)d other experts too.", number)
    return many % {"num": number}


def find_sentence(message: Message) -> str:
    """Return the sentence that the text of a mail contains, or an empty string."""
    every = (sentence(message.language, number) for number in range(MOST))
    return next((one for one in every if one in message.text), "")


def with_number(message: Message, number: int) -> Message:
    """Return the mail with the current number: in its own sentence, or in a new paragraph before the signature."""
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
