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
LONGEST_FOOTER = 200  # characters of a line
LONGEST_CONTACT = 90  # characters of a line
MOST_CONTACTS = 12  # lines of a signature block with contact details
MOST_PARAGRAPH = 40  # lines of a paragraph that may be small print
MOST_BANNER = 6  # lines
MOST_NAME_WORDS = 4  # of the name above an office address
MOST_OFFICE_LINES = 6  # of an office address below a name
MOST_NAMED = 6  # lines of a signature that begins with a name below a rule
MOST_UNCASED_WORDS = 3  # of a name in a script without capitals
MOST_UNSPACED_CHARACTERS = 5  # of a name in a script without spaces
MOST_STEPS = 60  # footers and paragraphs that are removed one after the other

MARKDOWN = re.compile(  # "[our site](https://steppe.example)"
    r"\[([^\]\[\n]{1,80})\]\([^()\s]{1,500}\)"
)
PHONE = re.compile(r"\+?\(?\d[\d\s()./\-–]{5,24}\d")  # "+7 (727) 555-01-23"
MAIL = re.compile(r"[^\s@]{1,80}@[^\s@]{1,80}\.[^\s@]{2,}")
LABELLED = re.compile(  # a contact after its label, as in "Tel.: 5550123"
    r"[\W_]{0,3}(?:tel|phone|ph|mob|mobile|cell|fax|office|skype|telegram|whatsapp|signal|wechat|web|www|e-?mail|mail"
    r"|t|m|f|p|e|w|тел|моб|факс|телефон|эл\. ?почта|сайт|tél|telefon|telefono|teléfono|móvil|mobil|handy"
    r"|電話|电话|手机|手機|邮箱|전화|휴대폰|تلفن|موبایل|همراه|هاتف|جوال|טלפון|נייד|ایمیل)[\w.]{0,6} ?[.:/|] ?.{2,}"
)
QUESTION = re.compile(r"[?？؟՞;]\W{0,3}$")  # the end of a question; in Greek, ";" is the question mark
STOPPED = re.compile(r"[.!…。！۔]\W{0,3}$")  # the end of any other sentence
SCRAP = re.compile(r"[-–—―_=*~#+·.•|ᐧ\s]{1,400}")  # a line without words, such as "-----" or "* * *"
LETTER = re.compile(r"[^\W\d_]")


def find_body_lines(lines: Sequence[str]) -> set[int]:
    """Return the indexes in `lines`, a run of a person's own lines, that stay without signature and footers."""
    end = _find_delimiter(lines)
    for _ in range(MOST_STEPS):
        end = _skip_blank_lines(lines, end)
        shorter_end = _cut_last_block(lines, end)
        if shorter_end == end:
            break
        end = _find_delimiter(lines[:shorter_end])
    footers = {index for index in range(end) if _is_isolated_line(lines, index, end) and is_footer(lines[index])}
    return set(range(end)) - footers


def find_banner_end(lines: Sequence[str]) -> int:
    """Return the index of the first line below a banner that a mail server added."""
    banner_end = 0
    for index, line in enumerate(lines[:MOST_BANNER]):
        folded = fold(line[:LONGEST_FOOTER]).strip()
        if folded.startswith(vocabulary().banners):
            banner_end = index + 1
        elif folded:
            break
    return banner_end


def _skip_blank_lines(lines: Sequence[str], end: int) -> int:
    """Return the end without blank lines and rules at the bottom."""
    while end and _is_blank_or_scrap(lines, end - 1):
        end -= 1
    return end


def _is_blank_or_scrap(lines: Sequence[str], index: int) -> bool:
    if not lines[index].strip():
        return True
    return SCRAP.fullmatch(lines[index][:401]) is not None and not _is_closing_rule(lines, index)


def _is_closing_rule(lines: Sequence[str], index: int) -> bool:
    """Return whether the line is the closing fence of a code block or box, identical to a line above."""
    fence = lines[index].strip()
    return len(fence) == 3 and fence in [line.strip() for line in lines[max(0, index - 200) : index]]


def _is_isolated_line(lines: Sequence[str], index: int, end: int) -> bool:
    is_blank_above = index == 0 or not lines[index - 1].strip()
    is_blank_below = index + 1 >= end or not lines[index + 1].strip()
    return is_blank_above and is_blank_below and bool(lines[index].strip())


def _find_delimiter(lines: Sequence[str]) -> int:
    """Return the index of the delimiter above the signature, or the number of lines.

    Reads upwards. Once there is `has_prose` of the person below, only standard delimiters count.
    """
    filled_count = 0
    delimiter = len(lines)
    has_prose = False
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        stripped = line.strip()
        if not stripped:
            continue
        if line.rstrip("\u00a0\r") == STANDARD or line == "--\u00a0":
            delimiter = index
            has_prose = True  # above a standard delimiter only another standard one counts
            continue
        if not has_prose and len(stripped) < 200 and DELIMITER.fullmatch(stripped):
            if _is_signature(lines[index + 1 : delimiter], is_short=len(stripped) < len(STANDARD)):
                delimiter = index
            else:
                has_prose = True  # a rule between the person's own paragraphs
            continue
        filled_count += 1
        has_prose = has_prose or filled_count > MOST_SIGNED or is_prose(stripped)
        if filled_count > 200:
            break
    return delimiter


def _is_signature(lines: Sequence[str], *, is_short: bool) -> bool:
    """Return whether the lines below a delimiter are a signature: a name, contact details, a footer or small print.

    Below a short delimiter, such as "--", anything counts that doesn't begin with a lower-case letter.
    """
    filled = [line.strip() for line in lines if line.strip()]
    if not filled:
        return True
    if any(is_contact(line) or is_footer(line) for line in filled) or is_small_print(filled):
        return True
    first = filled[0]
    if is_short and not first[0].islower():
        return True
    begins_like_signature = is_name(first) or is_goodbye(first)
    return begins_like_signature and len(filled) <= MOST_NAMED and not _is_too_long_for_uncased_name(first)


def _is_too_long_for_uncased_name(line: str) -> bool:
    """Return whether a line in a script without capitals is too long for a name."""
    if line[:1].isupper():
        return False
    return len(split_words(line)) > MOST_UNCASED_WORDS or len(UNSPACED.findall(line)) > MOST_UNSPACED_CHARACTERS


def is_prose(line: str) -> bool:
    """Return whether a line reads like a sentence written for this mail, by its length and punctuation."""
    beginning = line[:400]
    ending = beginning[-8:]
    # Three characters of a script without spaces count as one word.
    word_count = sum(len(word) > 1 for word in split_words(beginning)) + len(UNSPACED.findall(beginning)) // 3
    if QUESTION.search(ending) or word_count >= 14:
        return True
    return word_count >= 6 and STOPPED.search(ending) is not None


def _cut_last_block(lines: Sequence[str], end: int) -> int:
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
    with_words = [line for line in paragraph if has_words(line)]  # some programs leave the borders of a table
    if not with_words:
        return end
    kept_count = _count_kept_lines(with_words, _find_line_above(lines, start))
    if kept_count == len(with_words):
        return end
    return start + paragraph.index(with_words[kept_count])


def _is_wrapped_line(lines: Sequence[str], index: int) -> bool:
    """Return whether a line continues a full line above it, as in "... were / sent from a phone"."""
    above = lines[index - 1].rstrip() if index else ""
    line = lines[index].lstrip()
    may_continue = len(above) >= 60 or (line[0].islower() and len(above.split()) >= 4)
    return may_continue and not STOPPED.search(above[-8:]) and not is_footer(above)


def _find_line_above(lines: Sequence[str], start: int) -> str:
    return next((line.strip() for line in reversed(lines[max(0, start - 4) : start]) if line.strip()), "")


def is_footer(line: str) -> bool:
    """Return whether a phone or a mail program added the line: "Sent from my iPhone", "Get Outlook for Android"."""
    stripped = line.strip()
    if not stripped or len(stripped) > LONGEST_FOOTER:
        return False
    without_links = URL.sub("", LINK.sub("", MARKDOWN.sub(r"\1", stripped)))
    folded = fold(without_links).replace("أُ", "أ").strip("<>()[]«»*_-–—=|~.!。 \"'")
    if not folded or "?" in folded:
        return False
    known = vocabulary()
    # Compare only with the pairs that have the same first letter, or nothing before the device.
    pairs = known.sent_from.get(folded[:1], ())
    if folded.endswith(known.ends):
        pairs += known.ended_by
    return any(_matches_footer(folded, prefix, suffix) for prefix, suffix in pairs)


def _matches_footer(text: str, prefix: str, suffix: str) -> bool:
    """Return whether `prefix` and `suffix` enclose a short text with the name of a device, as in "sent from my phone".

    The word "my" in the prefix is enough without a device that we know. An excuse such as "sorry for typos" may follow.
    """
    if not text.startswith(prefix):
        return False
    suffix_start = text.find(suffix, len(prefix)) if suffix else len(text)
    if suffix_start < 0:
        return False
    middle = text[len(prefix) : suffix_start]
    remainder = text[suffix_start + len(suffix) :]
    if prefix and middle[:1].isalpha() and prefix[-1].isascii():
        return False  # "sent fromage"
    if any(word in middle or word in remainder for word in vocabulary().excuses):
        return len(split_words(middle)) <= 20
    if remainder.strip(" .!"):
        return False
    word_count = len(split_words(middle)) + len(UNSPACED.findall(middle)) // 3
    has_device = _names_device(text)
    has_comma = re.search("[,;،]", middle) is not None
    if prefix in vocabulary().mine and not has_comma:
        return word_count <= (8 if has_device else 4)
    limit = 3 if prefix in vocabulary().short or has_comma else 8
    return has_device and word_count <= limit


def _names_device(text: str) -> bool:
    """Return whether the text names a device or a mail program; short names have to be whole words."""
    words = set(split_words(text))
    for name in vocabulary().devices:
        is_short = len(name) < 5 and name.isascii()
        if name in (words if is_short else text):
            return True
    return False


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


def _count_kept_lines(paragraph: list[str], line_above: str) -> int:
    """Return how many lines of the last paragraph stay: all, unless it is a name with phone, address or title.

    A closing ("Best regards,") and the name below it stay too.
    """
    size = len(paragraph)
    if size > MOST_CONTACTS or any(len(line) > LONGEST_CONTACT or is_prose(line) for line in paragraph):
        return size
    contacts = [is_contact(line) for line in paragraph]
    if line_above.endswith((":", "：")):
        return size  # the paragraph is what that line announces
    is_below_goodbye = is_goodbye(line_above)
    goodbye_count = 1 if is_goodbye(paragraph[0]) else 0
    if _is_office(paragraph[goodbye_count:]):
        return goodbye_count + 1 if goodbye_count or is_below_goodbye else 0
    if not any(contacts):
        return size
    first_contact = contacts.index(True)
    head = paragraph[:first_contact]
    goodbyes = [index for index, line in enumerate(head) if is_goodbye(line)]
    has_name = any(is_name(line) for line in head)
    # A single contact is enough only below a name near the top or a closing.
    is_signed = has_name and (goodbyes or first_contact <= 2)
    if sum(contacts) < 2 and not is_signed:
        return size
    if goodbyes:
        return min(goodbyes[-1] + 2, first_contact)
    if not all(is_name(line) or len(split_words(line)) <= 8 for line in head):
        return size
    if any(line.endswith((":", "：")) for line in head):
        return size
    return 1 if head and is_below_goodbye else 0


def _is_office(paragraph: Sequence[str]) -> bool:
    """Return whether a paragraph is a name followed by lines for title and organization, and possibly contacts."""
    lines = [line for line in paragraph if not is_footer(line)]
    name = "".join(lines[:1])
    others = lines[1:]
    if not 1 <= len(others) <= MOST_OFFICE_LINES:
        return False
    if not 1 < len(name.split()) <= MOST_NAME_WORDS or not is_name(name):
        return False
    return all(_fits_office(line) for line in others) and any(_names_office(line) for line in others)


def _fits_office(line: str) -> bool:
    """Return whether a line may be a title, an organization or a contact."""
    if is_contact(line):
        return True
    if line.endswith((":", "：", ".", "!", "?", ",")):
        return False
    return len(split_words(line)) <= 8 and _starts_new_line(line)


def _names_office(line: str) -> bool:
    folded = f" {' '.join(split_words(fold(line)))}"
    for word in vocabulary().offices:
        if f" {word.rstrip('.')}" in folded:  # at the beginning of a word
            return True
        if UNSPACED.match(word) and word in folded:
            return True
    return False


def _starts_new_line(line: str) -> bool:
    """Return whether a line doesn't continue a sentence: it begins with a capital or a title, or is a contact."""
    return not line[0].islower() or is_contact(line) or _names_office(line.partition(" ")[0])


def is_contact(line: str) -> bool:
    """Return whether a line is a phone number, a mail address or a URL, with few other words."""
    folded = fold(line[:LONGEST_CONTACT])
    other_text = PHONE.sub("", MAIL.sub("", URL.sub("", folded)))
    if other_text == folded:
        has_contact_character = any(char.isdigit() or char in "@/" for char in folded)
        return has_contact_character and LABELLED.fullmatch(folded) is not None
    return len(LETTER.findall(other_text)) <= 24 and len(split_words(other_text)) <= 4


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
