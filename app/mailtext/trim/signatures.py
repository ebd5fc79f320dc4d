"""Detect signatures and footers of phones, virus scanners, mailing lists and law firms, from the bottom up.

Losing text is worse than keeping a signature. So a closing ("Thanks, Timur") stays, and nothing that reads like a
sentence counts as a signature.
"""

import re
from collections.abc import Sequence

from .folding import UNSPACED, fold, split_words
from .lines import LINK, URL, has_words
from .vocabulary import vocabulary

# The delimiter of RFC 3676, section 4.3; many programs lose its space.
STANDARD = "-- "
DELIMITER = re.compile(r"[-–—―_=]{2,}|[—–―]")
# Lines of a signature below a delimiter other than the standard one.
MOST_SIGNED = 14
LONGEST_FOOTER = 200
LONGEST_CONTACT = 90
MOST_CONTACTS = 12
MOST_PARAGRAPH = 40
MOST_BANNER = 6  # lines
MOST_NAMES, MOST_OFFICE = 4, 6  # words of a name, lines of an office address below it
MOST_NAMED = 6  # lines of a signature that begins with a name below a rule
MOST_UNCASED, MOST_SIGNS = 3, 5  # words of a name in a script without capitals, characters in one without spaces
MOST_STEPS = 60

MARKDOWN = re.compile(r"\[([^\]\[\n]{1,80})\]\([^()\s]{1,500}\)")
PHONE = re.compile(r"\+?\(?\d[\d\s()./\-–]{5,24}\d")
MAIL = re.compile(r"[^\s@]{1,80}@[^\s@]{1,80}\.[^\s@]{2,}")
LABELLED = re.compile(
    r"[\W_]{0,3}(?:tel|phone|ph|mob|mobile|cell|fax|office|skype|telegram|whatsapp|signal|wechat|web|www|e-?mail|mail"
    r"|t|m|f|p|e|w|тел|моб|факс|телефон|эл\. ?почта|сайт|tél|telefon|telefono|teléfono|móvil|mobil|handy"
    r"|電話|电话|手机|手機|邮箱|전화|휴대폰|تلفن|موبایل|همراه|هاتف|جوال|טלפון|נייד|ایمیل)[\w.]{0,6} ?[.:/|] ?.{2,}"
)
QUESTION = re.compile(r"[?？؟՞;]\W{0,3}$")
STOPPED = re.compile(r"[.!…。！۔]\W{0,3}$")
SCRAP = re.compile(r"[-–—―_=*~#+·.•|ᐧ\s]{1,400}")
LETTER = re.compile(r"[^\W\d_]")


def find_body_lines(lines: Sequence[str]) -> set[int]:
    """Return the indexes in `lines`, a run of a person's own lines, that stay without signature and footers."""
    end = _at_delimiter(lines)
    for _ in range(MOST_STEPS):
        end = _without_blank(lines, end)
        shorter = _shorter(lines, end)
        if shorter == end:
            break
        end = _at_delimiter(lines[:shorter])
    return {place for place in range(end) if not (_is_isolated_line(lines, place, end) and is_footer(lines[place]))}


def below_banner(lines: Sequence[str]) -> int:
    """Return the index of the first line below a banner that a mail server added."""
    place = 0
    for number, line in enumerate(lines[:MOST_BANNER]):
        folded = fold(line[:LONGEST_FOOTER]).strip()
        if folded.startswith(vocabulary().banners):
            place = number + 1
        elif folded:
            break
    return place


def _without_blank(lines: Sequence[str], end: int) -> int:
    while end and (
        not lines[end - 1].strip() or (SCRAP.fullmatch(lines[end - 1][:401]) and not _is_closing_rule(lines, end - 1))
    ):
        end -= 1
    return end


def _is_closing_rule(lines: Sequence[str], index: int) -> bool:
    """Return whether the line is the closing fence of a code block or box, identical to a line above."""
    sign = lines[index].strip()
    return len(sign) == 3 and sign in [line.strip() for line in lines[max(0, index - 200) : index]]


def _is_isolated_line(lines: Sequence[str], index: int, end: int) -> bool:
    before = index == 0 or not lines[index - 1].strip()
    after = index + 1 >= end or not lines[index + 1].strip()
    return before and after and bool(lines[index].strip())


def _at_delimiter(lines: Sequence[str]) -> int:
    """Return the index of the delimiter above the signature, or the number of lines."""
    end = len(lines)
    filled = 0
    found = end
    prose = False
    for place in range(end - 1, -1, -1):
        line = lines[place]
        stripped = line.strip()
        if not stripped:
            continue
        if line.rstrip("\u00a0\r") == STANDARD or line == "--\u00a0":
            found = place
            prose = True  # above a standard delimiter only another standard one counts
            continue
        if not prose and len(stripped) < 200 and DELIMITER.fullmatch(stripped):
            if _is_signature(lines[place + 1 : found], short=len(stripped) < len(STANDARD)):
                found = place
            else:
                prose = True  # a rule between the person's own paragraphs
            continue
        filled += 1
        prose = prose or filled > MOST_SIGNED or is_prose(stripped)
        if filled > 200:
            break
    return found


def _is_signature(lines: Sequence[str], *, short: bool) -> bool:
    """Return whether the lines below a delimiter are a signature: a name, contact details, a footer or small print.

    Below a `short` delimiter anything counts that doesn't begin with a lower-case letter.
    """
    filled = [line.strip() for line in lines if line.strip()]
    return (
        not filled
        or any(is_contact(line) or is_footer(line) for line in filled)
        or is_small_print(filled)
        or (short and not filled[0][0].islower())
        or ((is_name(filled[0]) or is_goodbye(filled[0])) and len(filled) <= MOST_NAMED and not _caseless(filled[0]))
    )


def _caseless(line: str) -> bool:
    """Return whether a line in a script without capitals is too long for a name."""
    return not line[:1].isupper() and (
        len(split_words(line)) > MOST_UNCASED or len(UNSPACED.findall(line)) > MOST_SIGNS
    )


def is_prose(line: str) -> bool:
    """Return whether a line reads like a sentence written for this mail, by its length and punctuation."""
    short = line[:400]
    count = sum(len(word) > 1 for word in split_words(short)) + len(UNSPACED.findall(short)) // 3
    return bool(QUESTION.search(short[-8:])) or count >= 14 or (count >= 6 and STOPPED.search(short[-8:]) is not None)


def _shorter(lines: Sequence[str], end: int) -> int:
    """Return the end without the last footer, paragraph of small print, or signature block; `end` if there is none."""
    if not end:
        return 0
    if is_footer(lines[end - 1]) and not _is_wrapped_line(lines, end - 1):
        return end - 1
    start = end
    while start and lines[start - 1].strip() and end - start < MOST_PARAGRAPH:
        start -= 1
    paragraph = [line.strip() for line in lines[start:end]]
    if is_small_print(paragraph):
        return start
    bare = [line for line in paragraph if has_words(line)]  # some programs leave the borders of a table
    stays = _block(bare, _find_line_above(lines, start)) if bare else 0
    return end if stays == len(bare) else start + paragraph.index(bare[stays])


def _is_wrapped_line(lines: Sequence[str], index: int) -> bool:
    """Return whether a line continues a full line above it, as in "... were / sent from a phone"."""
    before, line = (lines[index - 1].rstrip() if index else ""), lines[index].lstrip()
    goes_on = len(before) >= 60 or (line[0].islower() and len(before.split()) >= 4)
    return goes_on and not STOPPED.search(before[-8:]) and not is_footer(before)


def _find_line_above(lines: Sequence[str], start: int) -> str:
    return next((line.strip() for line in reversed(lines[max(0, start - 4) : start]) if line.strip()), "")


def is_footer(line: str) -> bool:
    """Return whether a phone or a mail program added the line: "Sent from my iPhone", "Get Outlook for Android"."""
    stripped = line.strip()
    if not stripped or len(stripped) > LONGEST_FOOTER:
        return False
    bare = URL.sub("", LINK.sub("", MARKDOWN.sub(r"\1", stripped)))
    folded = fold(bare).replace("أُ", "أ").strip("<>()[]«»*_-–—=|~.!。 \"'")
    if not folded or "?" in folded:
        return False
    known = vocabulary()
    # Compare only with the patterns that have the same first letter, or nothing before the device.
    rows = known.sent_from.get(folded[:1], ()) + (known.ended_by if folded.endswith(known.ends) else ())
    return any(_matches_footer(folded, before, after) for before, after in rows)


def _matches_footer(text: str, prefix: str, suffix: str) -> bool:
    if not text.startswith(prefix) or (at := text.find(suffix, len(prefix)) if suffix else len(text)) < 0:
        return False
    middle, behind = text[len(prefix) : at], text[at + len(suffix) :]
    if prefix and middle[:1].isalpha() and prefix[-1].isascii():
        return False  # "sent fromage"
    if any(word in middle or word in behind for word in vocabulary().excuses):
        return len(split_words(middle)) <= 20
    if behind.strip(" .!"):
        return False
    count = len(split_words(middle)) + len(UNSPACED.findall(middle)) // 3
    device = _names_device(text)
    if prefix in vocabulary().mine and not re.search("[,;،]", middle):
        return count <= (8 if device else 4)
    return device and count <= (3 if prefix in vocabulary().short or re.search("[,;،]", middle) else 8)


def _names_device(text: str) -> bool:
    """Return whether the text names a device or a mail program; short names have to be whole words."""
    found = set(split_words(text))
    return any(name in found if len(name) < 5 and name.isascii() else name in text for name in vocabulary().devices)


def is_small_print(paragraph: Sequence[str]) -> bool:
    """Return whether a paragraph was added by a virus scanner, a mailing list or a law firm."""
    text = fold(" ".join(paragraph)[:2000])
    if any(phrase in text for phrase in vocabulary().sure):
        return True
    return (
        len(split_words(text)) >= 12
        and sum(word in text for word in vocabulary().lawyers) >= 2
        and "?" not in text
        and len(text) > 120
    )


def _block(paragraph: list[str], above_it: str) -> int:
    """Return how many lines of the last paragraph stay: all, unless it is a name with phone, address or title."""
    size = len(paragraph)
    if size > MOST_CONTACTS or any(len(line) > LONGEST_CONTACT or is_prose(line) for line in paragraph):
        return size
    contacts = [is_contact(line) for line in paragraph]
    first = contacts.index(True) if any(contacts) else size
    if above_it.endswith((":", "：")):
        return size
    closing = 1 if is_goodbye(paragraph[0]) else 0
    if _is_office(paragraph[closing:]):
        return closing + 1 if closing or is_goodbye(above_it) else 0
    if first == size:
        return size
    said = [place for place in range(first) if is_goodbye(paragraph[place])]
    named = sum(is_name(line) for line in paragraph[:first])
    if sum(contacts) < 2 and not (named and (said or first <= 2) and not contacts[0]):
        return size
    if said:
        return min(said[-1] + 2, first)
    if first and not all(is_name(line) or len(split_words(line)) <= 8 for line in paragraph[:first]):
        return size
    if any(paragraph[place].endswith((":", "：")) for place in range(first)):
        return size
    return 1 if first and is_goodbye(above_it) else 0


def _is_office(paragraph: Sequence[str]) -> bool:
    """Return whether a paragraph is a name followed by lines for title and organization, and possibly contacts."""
    lines = [line for line in paragraph if not is_footer(line)]
    name, others = "".join(lines[:1]), lines[1:]
    return (
        1 < len(name.split()) <= MOST_NAMES
        and is_name(name)
        and 1 <= len(others) <= MOST_OFFICE
        and not any(line.endswith((":", "：", ".", "!", "?", ",")) and not is_contact(line) for line in others)
        and all((len(split_words(line)) <= 8 and _starts_new_line(line)) or is_contact(line) for line in others)
        and any(_names_office(line) for line in others)
    )


def _names_office(line: str) -> bool:
    folded = f" {' '.join(split_words(fold(line)))}"
    return any(
        f" {word.rstrip('.')}" in folded or (not word.isascii() and UNSPACED.match(word) and word in folded)
        for word in vocabulary().offices
    )


def _starts_new_line(line: str) -> bool:
    """Return whether a line doesn't continue a sentence: it begins with a capital or a title, or is a contact."""
    return not line[0].islower() or is_contact(line) or _names_office(line.partition(" ")[0])


def is_contact(line: str) -> bool:
    """Return whether a line is a phone number, a mail address or a URL, with few other words."""
    folded = fold(line[:LONGEST_CONTACT])
    rest = PHONE.sub("", MAIL.sub("", URL.sub("", folded)))
    if rest == folded:
        return LABELLED.fullmatch(folded) is not None and any(sign.isdigit() or sign in "@/" for sign in folded)
    return len(LETTER.findall(rest)) <= 24 and len(split_words(rest)) <= 4


def is_goodbye(line: str) -> bool:
    """Return whether a line is a complimentary close, such as "Best regards,"."""
    return fold(line).strip(" ,.!;-–—،") in vocabulary().goodbyes


def is_name(line: str) -> bool:
    """Return whether a line may be a name: one to five words, none in lower case, without a full stop at the end."""
    parts = line.strip(" ,*").split()
    return (
        1 <= len(parts) <= 5
        and not line.rstrip().endswith((".", "!", ":", "?", "：", "。"))
        and all(not part[0].islower() for part in parts)
        and has_words(line)
    )
