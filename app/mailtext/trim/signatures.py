"""Detect signatures and footers of phones, virus scanners, mailing lists and law firms, from the bottom up.

Losing text is worse than keeping a signature. So a closing ("Thanks, Timur") stays, and nothing that reads like a
sentence counts as a signature.
"""

import re
from collections.abc import Sequence

from .folding import UNSPACED, fold, split_words
from .lines import LINK, URL, ends_with_question, ends_with_stop, has_words
from .vocabulary import FooterPattern, vocabulary

MAX_BANNER_LINES = 6
MAX_ADDED_LINE_LENGTH = 200  # characters of a banner or footer
MAX_CUT_BLOCKS = 60  # footers and paragraphs that are cut from the bottom, one after the other

# The delimiter of RFC 3676, section 4.3; many programs lose its space.
STANDARD_DELIMITER = "-- "
RULE = re.compile(r"[-–—―_=]{2,199}|[—–―]")  # other delimiters, such as "---" or "____"
MAX_LINES_BELOW_RULE = 14
MAX_LINES_BELOW_DELIMITER = 200
MAX_LINES_FROM_NAME = 6  # of a signature below a rule, if only the name or closing on its first line proves it
MAX_UNCASED_NAME_WORDS = 3  # in a script without capitals
MAX_UNSPACED_NAME_CHARACTERS = 5  # in a script without spaces
# A line without words, such as "-----" or "* * *".
SCRAP = re.compile(r"[-–—―_=*~#+·.•|ᐧ\s]{1,400}")
FENCE_LENGTH = 3  # characters of the line that closes a code block or box, such as "~~~"
MAX_FENCED_LINES = 200

UNSPACED_PER_WORD = 3  # characters that count as a word in a script without spaces
MIN_PROSE_WORDS = 14  # a line with this many words is prose
MIN_SENTENCE_WORDS = 6  # a line with this many words and a full stop is prose too
FULL_LINE_LENGTH = 60  # a line with this many characters may continue on the next one
MIN_CONTINUED_WORDS = 4  # a shorter line with this many words may continue on a next one in lower case

# The words between the prefix and the suffix of a footer, with the name of the device.
MAX_WORDS_WITH_DEVICE = 8
MAX_WORDS_WITH_UNKNOWN_DEVICE = 4
MAX_WORDS_WITH_WEAK_PREFIX = 3
MAX_WORDS_WITH_EXCUSE = 20

MAX_PARAGRAPH_LINES = 40  # lines of a paragraph of small print
MAX_SMALL_PRINT_LENGTH = 2000  # characters of a paragraph that are examined
SHORT_PARAGRAPH_LENGTH = 120  # characters; in so short a paragraph, legal words alone don't show small print
MIN_SMALL_PRINT_WORDS = 12
MIN_LEGAL_WORDS = 2

MAX_SIGNATURE_LINES = 12  # lines of a paragraph with contact details
MAX_CONTACT_LENGTH = 90  # characters of a line in it
MAX_LETTERS_BESIDE_CONTACT = 24
MAX_WORDS_BESIDE_CONTACT = 4
MAX_TITLE_WORDS = 8  # of a line with a title or an organization
MAX_CARD_NAME_WORDS = 4  # of the name on a business card
MAX_CARD_DETAILS = 6  # lines below that name
COLONS = (":", "：")

MARKDOWN_LINK = re.compile(  # "[our site](https://steppe.example)"
    r"\[([^\]\[\n]{1,80})\]\([^()\s]{1,500}\)"
)
PHONE = re.compile(r"\+?\(?\d[\d\s()./\-–]{5,24}\d")  # "+7 (727) 555-01-23"
MAIL_ADDRESS = re.compile(r"[^\s@]{1,80}@[^\s@]{1,80}\.[^\s@]{2,}")
CONTACT_LABELS = (
    "tel|phone|ph|mob|mobile|cell|fax|office|skype|telegram|whatsapp|signal|wechat|web|www|e-?mail|mail"
    r"|t|m|f|p|e|w|тел|моб|факс|телефон|эл\. ?почта|сайт|tél|telefon|telefono|teléfono|móvil|mobil|handy"
    "|電話|电话|手机|手機|邮箱|전화|휴대폰|تلفن|موبایل|همراه|هاتف|جوال|טלפון|נייד|ایمیل"
)
LABELLED_CONTACT = re.compile(rf"[\W_]{{0,3}}(?:{CONTACT_LABELS})[\w.]{{0,6}} ?[.:/|] ?.{{2,}}")  # "Tel.: 5550123"
LETTER = re.compile(r"[^\W\d_]")


def find_banner_end(lines: Sequence[str]) -> int:
    """Return the index of the first line below a banner that a mail server added."""
    banner_end = 0
    for index, line in enumerate(lines[:MAX_BANNER_LINES]):
        folded = fold(line[:MAX_ADDED_LINE_LENGTH]).strip()
        if folded.startswith(vocabulary().banners):
            banner_end = index + 1
        elif folded:
            break
    return banner_end


def find_body_lines(lines: Sequence[str]) -> set[int]:
    """Return the indexes of the lines that stay without signatures and footers; `lines` are a person's own."""
    end = _find_delimiter(lines)
    for _ in range(MAX_CUT_BLOCKS):
        end = _skip_blank_lines(lines, end)
        shorter_end = _cut_last_block(lines, end)
        if shorter_end == end:
            break
        end = _find_delimiter(lines[:shorter_end])
    footers = {index for index in range(end) if _is_isolated_line(lines, index, end) and is_footer(lines[index])}
    return set(range(end)) - footers


def _skip_blank_lines(lines: Sequence[str], end: int) -> int:
    """Return the end without blank lines and rules at the bottom."""
    while end and _is_blank_or_scrap(lines, end - 1):
        end -= 1
    return end


def _is_blank_or_scrap(lines: Sequence[str], index: int) -> bool:
    if not lines[index].strip():
        return True
    return SCRAP.fullmatch(lines[index]) is not None and not _is_closing_fence(lines, index)


def _is_closing_fence(lines: Sequence[str], index: int) -> bool:
    """Return whether the line closes a code block or box, because an identical line above opens it."""
    fence = lines[index].strip()
    lines_above = lines[max(0, index - MAX_FENCED_LINES) : index]
    return len(fence) == FENCE_LENGTH and any(line.strip() == fence for line in lines_above)


def _is_isolated_line(lines: Sequence[str], index: int, end: int) -> bool:
    is_blank_above = index == 0 or not lines[index - 1].strip()
    is_blank_below = index + 1 >= end or not lines[index + 1].strip()
    return is_blank_above and is_blank_below and bool(lines[index].strip())


def _find_delimiter(lines: Sequence[str]) -> int:
    """Return the index of the highest delimiter above signatures, or the number of lines.

    Reads upwards. A rule doesn't count above prose, above more than `MAX_LINES_BELOW_RULE` lines, above a rule without
    a signature, or above a standard delimiter; another standard delimiter does.
    """
    delimiter = len(lines)
    only_standard_counts = False
    filled_count = 0
    for index in range(len(lines) - 1, -1, -1):
        stripped = lines[index].strip()
        if not stripped:
            continue
        if _is_standard_delimiter(lines[index]):
            delimiter = index
            only_standard_counts = True
        elif not only_standard_counts and RULE.fullmatch(stripped):
            if _is_signature(lines[index + 1 : delimiter], is_below_short_rule=len(stripped) <= len("--")):
                delimiter = index
            else:
                only_standard_counts = True  # a rule between the person's own paragraphs
        else:
            filled_count += 1
            if filled_count > MAX_LINES_BELOW_DELIMITER:
                break
            if filled_count > MAX_LINES_BELOW_RULE or is_prose(stripped):
                only_standard_counts = True
    return delimiter


def _is_standard_delimiter(line: str) -> bool:
    # HTML editors add a no-break space or replace the space with one.
    return line.rstrip("\u00a0") == STANDARD_DELIMITER or line == "--\u00a0"


def _is_signature(lines: Sequence[str], *, is_below_short_rule: bool) -> bool:
    """Return whether the lines below a rule are a signature: a name, contact details, a footer or small print.

    Below a short rule, such as "--", anything counts that doesn't begin with a lower-case letter.
    """
    filled = [line.strip() for line in lines if line.strip()]
    if not filled:
        return True
    if any(is_contact(line) or is_footer(line) for line in filled) or is_small_print(filled):
        return True
    first = filled[0]
    if is_below_short_rule and not first[0].islower():
        return True
    begins_like_signature = is_name(first) or is_goodbye(first)
    return begins_like_signature and len(filled) <= MAX_LINES_FROM_NAME and not _is_too_long_for_uncased_name(first)


def _is_too_long_for_uncased_name(line: str) -> bool:
    """Return whether a line in a script without capitals is too long for a name."""
    if line[:1].isupper():
        return False
    return len(split_words(line)) > MAX_UNCASED_NAME_WORDS or len(UNSPACED.findall(line)) > MAX_UNSPACED_NAME_CHARACTERS


def is_prose(line: str) -> bool:
    """Return whether a line reads like a sentence written for this mail, by its length and punctuation."""
    beginning = line[:400]  # enough for `MIN_PROSE_WORDS` in any language
    word_count = sum(len(word) > 1 for word in split_words(beginning)) + _count_unspaced_words(beginning)
    if ends_with_question(beginning) or word_count >= MIN_PROSE_WORDS:
        return True
    return word_count >= MIN_SENTENCE_WORDS and ends_with_stop(beginning)


def _count_unspaced_words(text: str) -> int:
    """Estimate the number of words in scripts without spaces."""
    return len(UNSPACED.findall(text)) // UNSPACED_PER_WORD


def _cut_last_block(lines: Sequence[str], end: int) -> int:
    """Return the end without the last footer, paragraph of small print, or signature block; `end` if there is none."""
    if not end:
        return 0
    if is_footer(lines[end - 1]) and not _is_wrapped_line(lines, end - 1):
        return end - 1
    start = end
    while start and lines[start - 1].strip() and end - start < MAX_PARAGRAPH_LINES:
        start -= 1
    if is_small_print([line.strip() for line in lines[start:end]]):
        return start
    # The indexes of lines with words: some programs leave the borders of a table.
    filled = [index for index in range(start, end) if has_words(lines[index])]
    if not filled:
        return end
    kept_count = _count_kept_lines([lines[index].strip() for index in filled], _find_line_above(lines, start))
    return filled[kept_count] if kept_count < len(filled) else end


def _is_wrapped_line(lines: Sequence[str], index: int) -> bool:
    """Return whether a line continues a full line above it, as in "... were / sent from a phone"."""
    above = lines[index - 1].rstrip() if index else ""
    line = lines[index].lstrip()
    is_full = len(above) >= FULL_LINE_LENGTH
    may_continue = is_full or (line[0].islower() and len(above.split()) >= MIN_CONTINUED_WORDS)
    return may_continue and not ends_with_stop(above) and not is_footer(above)


def _find_line_above(lines: Sequence[str], start: int) -> str:
    """Return the nearest filled line of the four above `start`, or ""."""
    return next((line.strip() for line in reversed(lines[max(0, start - 4) : start]) if line.strip()), "")


def is_footer(line: str) -> bool:
    """Return whether a phone or a mail program added the line: "Sent from my iPhone", "Get Outlook for Android"."""
    stripped = line.strip()
    if not stripped or len(stripped) > MAX_ADDED_LINE_LENGTH:
        return False
    without_links = URL.sub("", LINK.sub("", MARKDOWN_LINK.sub(r"\1", stripped)))
    # Some programs write the Arabic "sent" with a vowel mark on its first letter; the vocabulary has it without.
    text = fold(without_links).replace("أُ", "أ").strip("<>()[]«»*_-–—=|~.!。 \"'")
    if not text or "?" in text:
        return False
    phrases = vocabulary()
    # Compare only with patterns that begin with the same letter, or with the device.
    patterns = phrases.footer_patterns_by_initial.get(text[0], ())
    if text.endswith(phrases.suffixes_without_prefix):
        patterns += phrases.suffix_only_patterns
    return any(_matches_footer(text, pattern) for pattern in patterns)


def _matches_footer(text: str, pattern: FooterPattern) -> bool:
    """Return whether a text has the pattern around a few words that name a device, as in "sent from my phone".

    After a prefix with "my", any words may be a device. With an excuse such as "sorry for typos", there may be more
    words, and no device is needed.
    """
    prefix = pattern.prefix
    if not text.startswith(prefix):
        return False
    middle = text[len(prefix) :]
    remainder = ""
    if pattern.suffix:
        middle, suffix, remainder = middle.partition(pattern.suffix)
        if not suffix:
            return False
    if prefix and middle[:1].isalpha() and prefix[-1].isascii():
        return False  # "sent fromage"
    phrases = vocabulary()
    if any(excuse in middle or excuse in remainder for excuse in phrases.excuses):
        return len(split_words(middle)) <= MAX_WORDS_WITH_EXCUSE
    if remainder.strip(" .!"):
        return False
    has_device = _names_device(text)
    has_comma = re.search("[,;،]", middle) is not None
    if prefix in phrases.first_person_prefixes and not has_comma:
        limit = MAX_WORDS_WITH_DEVICE if has_device else MAX_WORDS_WITH_UNKNOWN_DEVICE
    elif not has_device:
        return False
    else:
        is_weak = has_comma or prefix in phrases.weak_prefixes
        limit = MAX_WORDS_WITH_WEAK_PREFIX if is_weak else MAX_WORDS_WITH_DEVICE
    return len(split_words(middle)) + _count_unspaced_words(middle) <= limit


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
    text = fold(" ".join(paragraph)[:MAX_SMALL_PRINT_LENGTH])
    phrases = vocabulary()
    if any(phrase in text for phrase in phrases.small_print_phrases):
        return True
    return (
        len(text) > SHORT_PARAGRAPH_LENGTH
        and len(split_words(text)) >= MIN_SMALL_PRINT_WORDS
        and sum(word in text for word in phrases.legal_words) >= MIN_LEGAL_WORDS
        and "?" not in text
    )


def _count_kept_lines(paragraph: list[str], line_above: str) -> int:
    """Return how many lines of the last paragraph stay: all, unless it is a name with a phone, an address or a title.

    A closing ("Best regards,") and the name below it stay too.
    """
    size = len(paragraph)
    if size > MAX_SIGNATURE_LINES or any(len(line) > MAX_CONTACT_LENGTH or is_prose(line) for line in paragraph):
        return size
    if line_above.endswith(COLONS):
        return size  # the line above announces the paragraph
    is_below_goodbye = is_goodbye(line_above)
    begins_with_goodbye = is_goodbye(paragraph[0])
    if begins_with_goodbye and _is_business_card(paragraph[1:]):
        return 2
    if not begins_with_goodbye and _is_business_card(paragraph):
        return 1 if is_below_goodbye else 0
    contacts = [index for index, line in enumerate(paragraph) if is_contact(line)]
    if not contacts:
        return size
    first_contact = contacts[0]
    head = paragraph[:first_contact]
    goodbyes = [index for index, line in enumerate(head) if is_goodbye(line)]
    has_name = any(is_name(line) for line in head)
    # A single contact is enough only below a closing or a name near the top.
    is_signed = has_name and (bool(goodbyes) or first_contact <= 2)
    if len(contacts) < 2 and not is_signed:
        return size
    if goodbyes:
        return min(goodbyes[-1] + 2, first_contact)
    if not all(is_name(line) or len(split_words(line)) <= MAX_TITLE_WORDS for line in head):
        return size
    if any(line.endswith(COLONS) for line in head):
        return size
    return 1 if head and is_below_goodbye else 0


def _is_business_card(paragraph: Sequence[str]) -> bool:
    """Return whether a paragraph is a name followed by lines for title and organization, and possibly contacts."""
    lines = [line for line in paragraph if not is_footer(line)]
    if not lines:
        return False
    name, *details = lines
    if not 1 <= len(details) <= MAX_CARD_DETAILS:
        return False
    if not 2 <= len(name.split()) <= MAX_CARD_NAME_WORDS or not is_name(name):
        return False
    return all(_is_title_or_contact(line) for line in details) and any(map(_names_title_or_organization, details))


def _is_title_or_contact(line: str) -> bool:
    """Return whether a line may be a title, an organization or a contact, and continues no sentence."""
    if is_contact(line):
        return True
    if line.endswith((*COLONS, ".", "!", "?", ",")) or len(split_words(line)) > MAX_TITLE_WORDS:
        return False
    return not line[0].islower() or _names_title_or_organization(line.partition(" ")[0])


def _names_title_or_organization(line: str) -> bool:
    text = f" {' '.join(split_words(fold(line)))}"
    for word in vocabulary().titles_and_organizations:
        if f" {word.rstrip('.')}" in text:  # at the beginning of a word
            return True
        if UNSPACED.match(word) and word in text:
            return True
    return False


def is_contact(line: str) -> bool:
    """Return whether a line is a phone number, a mail address or a URL, with few other words."""
    text = fold(line[:MAX_CONTACT_LENGTH])
    other_text = PHONE.sub("", MAIL_ADDRESS.sub("", URL.sub("", text)))
    has_contact = other_text != text
    if has_contact:
        letter_count = len(LETTER.findall(other_text))
        return letter_count <= MAX_LETTERS_BESIDE_CONTACT and len(split_words(other_text)) <= MAX_WORDS_BESIDE_CONTACT
    # A short phone number or a user name is recognized by its label.
    may_have_contact = any(character.isdigit() or character in "@/" for character in text)
    return may_have_contact and LABELLED_CONTACT.fullmatch(text) is not None


def is_goodbye(line: str) -> bool:
    """Return whether a line is a complimentary close, such as "Best regards,"."""
    return fold(line).strip(" ,.!;-–—،") in vocabulary().goodbyes


def is_name(line: str) -> bool:
    """Return whether a line may be a name: up to five words that don't begin in lower case, with no stop at the end."""
    words = line.strip(" ,*").split()
    return (
        1 <= len(words) <= 5
        and not line.rstrip().endswith((*COLONS, ".", "!", "?", "。"))
        and all(not word[0].islower() for word in words)
        and has_words(line)
    )
