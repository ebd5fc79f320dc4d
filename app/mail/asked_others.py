"""The sentence that tells an expert how many others are asked.

The number is that at the time of sending. If it grows later, the next mail says so. The sealed content is the mail as
it was composed. The number is stored in the column `asked_others`, and `outbox.read` puts it into the text, so that the
desk sees what the expert was told.
"""

from ..text.translation import get_catalogue
from .message import REMOVAL_PATH, Message, replace_text

MAX_SEARCHED = 100  # `find_sentence` tries every number below this one


def sentence(language: str, number: int) -> str:
    """Return the sentence for `number` other experts."""
    translations = get_catalogue(language)
    if not number:
        return translations.gettext("I’m asking only you.")
    text = translations.ngettext("I’m asking one other expert too.", "I’m asking %(num)d other experts too.", number)
    return text % {"num": number}


def find_sentence(message: Message) -> str:
    """Return the sentence that the text of a mail contains, or an empty string."""
    for number in range(MAX_SEARCHED):
        candidate = sentence(message.language, number)
        if candidate in message.text:
            return candidate
    return ""


def update_sentence(message: Message, number: int) -> Message:
    """Return the mail with this number: in the sentence about it, or else in a new paragraph before the signature."""
    old_sentence = find_sentence(message)
    if old_sentence:
        text = message.text.replace(old_sentence, sentence(message.language, number))
    else:
        paragraphs = message.text.rstrip("\n").split("\n\n")
        signature = -2 if REMOVAL_PATH in paragraphs[-1] else -1  # how to be removed stands below it
        paragraphs.insert(len(paragraphs) + signature, _change_sentence(message.language, number))
        text = "\n\n".join(filter(None, paragraphs))
    return replace_text(message, message.subject, text)


def _change_sentence(language: str, number: int) -> str:
    text = get_catalogue(language).ngettext(
        "Something has changed since I wrote to you about this: I’m asking one other expert, too.",
        "Something has changed since I wrote to you about this: I’m asking %(num)d other experts, too.",
        number,
    )
    return text % {"num": number}
