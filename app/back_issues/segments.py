"""Splitting paragraphs into segments, the units that `segment_labels` labels.

A paragraph can hold a question, its asker and the beginning of the answer. It is split at each place where one of them
may end: after a bold beginning, after a label or a few words with a colon, after a quoted question, and before a name
at the end. It may be split too often, as the text of adjacent segments with the same label is joined again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from .edition_outline import QUESTION_MARK
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import is_expert_announcement, parse_asker, parse_lead_in
from .printed_names import SENTENCE_END, is_cased
from .unquoting import begins_quoted, find_quotation_end

MAX_COLON_INDEX = 260  # characters before a colon at which a paragraph is split
MAX_COLON_WORDS = 16
MAX_LABEL_WORDS = 3  # before a colon, if no word looks like a name
MAX_ASKER_LENGTH = 160  # characters up to the end of "Tom from Leeds, who sews, wants to know"
MAX_VERB_LENGTH = 16  # characters of "writes back:" after a name
MAX_AFTER_QUESTION = 140  # characters after a quoted question in the same paragraph
# "Why is the lake shrinking? (Maria, Tbilisi)"
BRACKETED_CREDIT = re.compile(r"\s*[(（\[]([^()（）\[\]]{2,80})[)）\]]\s*\Z")
# "Why is the lake shrinking? — Maria, Tbilisi"
TRAILING_CREDIT = re.compile(r"(?<=[?؟？!.»”\"])\s+(?:[—–―]|--)\s?([^—–?؟]{2,80})\Z")
BRACKETED_LABEL = re.compile(r"[【\[［]\s*[^】\]］]{1,20}[】\]］]\s*")  # "【質問】"
_COLON = re.compile(r"[\s\u00a0\u202f]*[:：][*_]{0,3}(?:[\s\u00a0\u202f]+|(?=[\"“«„»‘'「『]))|：")
# What goes on after "wants to know": a word, and no colon or quotation.
_ASKED_WORD = re.compile(r"[,،]?[\s\u00a0\u202f]+(?=[^\W\d_])")
_QUESTION_END = re.compile(r"[?؟？;\u037e][\"”»’]?\s+(?=[^\W\d_])")
_AFTER_WORD = re.compile(r"\s*[:：,،，.)）]?\s*")
_COLON_AND_MARK = re.compile(r"[:：]\s*(?P<mark>[\"“«„‘「])")
_END_OF_TEXT = re.compile(r"[.?!»”\"“’؟？。！」]\s*\Z")
_EDGES = " \t\u00a0\u202f*_"  # removed at both ends of a joined text


@dataclass(frozen=True)
class Segment:
    """A part of a paragraph: its characters from `start` up to, but not including, `end`.

    `index` is that of the paragraph in the edition.
    """

    para: Para
    index: int
    start: int
    end: int

    @cached_property
    def text(self) -> str:
        return self.para.text[self.start : self.end].strip()

    @property
    def begins_paragraph(self) -> bool:
        return not self.para.text[: self.start].strip()

    @property
    def ends_paragraph(self) -> bool:
        return not self.para.text[self.end :].strip()

    @property
    def is_bold(self) -> bool:
        return self.para.bold or (self.start == 0 and 0 < self.end <= len(self.para.bold_start))


def split_paragraphs(paras: Sequence[Para], lexicon: Lexicon) -> list[Segment]:
    """Split each paragraph into one or more segments."""
    segments = []
    for index, para in enumerate(paras):
        bounds = [0]
        for cut in sorted(_find_cuts(para, lexicon)):
            if not re.search(r"\w", para.text[cut:]):
                continue
            if len(bounds) > 1 and _AFTER_WORD.fullmatch(para.text, bounds[-1], cut):
                bounds.pop()  # punctuation is no segment, but belongs to the one before it
            if re.search(r"\w", para.text[bounds[-1] : cut]):
                bounds.append(cut)
        bounds.append(len(para.text))
        parts = [Segment(para, index, start, end) for start, end in pairwise(bounds)]
        segments += [segment for segment in parts if segment.text or para.kind == "rule"]
    return segments


def _find_cuts(para: Para, lexicon: Lexicon) -> set[int]:
    """Return the places at which a paragraph is split."""
    text = para.text
    cuts = {0, len(para.bold_start)}
    if _continues_name(text[len(para.bold_start) :]):
        cuts = {0}
    labels = (lexicon.match_question_label(text), lexicon.match_answer_label(text), BRACKETED_LABEL.match(text))
    cuts |= {label.end() for label in labels if label}
    cuts |= {colon for start in cuts if (colon := _find_colon_end(text, start, lexicon))}
    cuts |= set(_find_credit_starts(text))
    if QUESTION_MARK.search(text):
        cuts |= {cut for cut in (_find_reported_question(text, lexicon), _find_question_end(text, lexicon)) if cut}
        cuts |= set(_find_last_quotation(text))
    for start in sorted(cuts):
        if begins_quoted(text[start:]):
            cuts.add(_find_quoted_question_end(text, start))
            break
    return cuts


def _continues_name(text: str) -> bool:
    """Return whether the text after a bold name goes on with credits or a verb: ", a dentist", "writes:" or "again"."""
    is_verb = len(text) <= MAX_VERB_LENGTH and (text.endswith((":", "：")) or text[:2].strip().islower())
    return text.startswith((",", "،", "，")) or is_verb


def _find_colon_end(text: str, start: int, lexicon: Lexicon) -> int | None:
    """Return the index after a colon, if the words between it and `start` may say who asks or answers."""
    colon = _COLON.search(text, start, start + MAX_COLON_INDEX)
    if colon is None or SENTENCE_END.search(text, start, colon.start()):
        return None
    return colon.end() if _may_announce_someone(text[start : colon.end()].strip(), lexicon) else None


def _may_announce_someone(text: str, lexicon: Lexicon) -> bool:
    """Return whether a text with a colon at its end may be a label, or say who asks or answers."""
    words = text.split()
    if len(words) > MAX_COLON_WORDS:
        return False
    has_name = any(word.lstrip("(\"'“«„")[:1].isupper() for word in words[1:]) and not lexicon.first_person.search(text)
    if len(words) <= MAX_LABEL_WORDS or has_name or not all(map(is_cased, filter(str.isalpha, words))):
        return True
    return parse_asker(text, lexicon) is not None or parse_lead_in(text, lexicon) is not None


def _find_credit_starts(text: str) -> Iterator[int]:
    """Yield where a name after a dash or in brackets begins at the end of a paragraph."""
    for credit in (TRAILING_CREDIT.search(text), BRACKETED_CREDIT.search(text)):
        if credit and _END_OF_TEXT.search(text[: credit.start()]):
            yield credit.end() - len(credit[0].lstrip())


def _find_reported_question(text: str, lexicon: Lexicon) -> int | None:
    """Return where a question begins after the words that say who asks: "Tom from Leeds wants to know whether …?"."""
    start = text[:MAX_ASKER_LENGTH]
    for pattern in lexicon.asker_patterns.iter_candidates(start):
        if pattern.before or not pattern.after:
            continue
        verb = pattern.after.search(start)
        if verb is None or not _ASKED_WORD.match(text, verb.end()):
            continue
        asker = start[: verb.start()].strip()
        begins_name = asker[:1].isupper() or not is_cased(asker[:1]) or lexicon.readers.match(asker)
        if asker and begins_name and not SENTENCE_END.search(asker):
            start_of_question = len(text) - len(text[verb.end() :].lstrip(" \t\u00a0\u202f,،"))
            mark = QUESTION_MARK.search(text, start_of_question)
            is_in_sentence = mark and not SENTENCE_END.search(text, start_of_question, mark.start())
            return start_of_question if is_in_sentence else None
    return None


def _find_question_end(text: str, lexicon: Lexicon) -> int | None:
    """Return where a sentence about the expert begins after a question: "…? We put this to Jane Smith, who sews:"."""
    end = max((end.end() for end in _QUESTION_END.finditer(text)), default=0)
    rest = text[end:]
    if not end or len(rest) > MAX_COLON_INDEX:
        return None
    return end if rest.endswith((":", "：")) or is_expert_announcement(rest, lexicon) else None


def _find_last_quotation(text: str) -> Iterator[int]:
    """Yield where a quoted question begins with which a paragraph ends: "Grace has a cat. She writes: “…?”"."""
    for colon in _COLON_AND_MARK.finditer(text):
        start = colon.start("mark")
        length = find_quotation_end(text[start:])
        if length and not text[start + length + 1 :].strip(" .") and QUESTION_MARK.search(text, start):
            yield start
            return


def _find_quoted_question_end(text: str, start: int) -> int:
    """Return the index after a quoted question that is followed by a few words, or 0."""
    length = find_quotation_end(text[start:])
    if length is None:
        return 0
    end = start + length + 1
    rest = text[end:]
    is_question = QUESTION_MARK.search(text, end - 2, end) is not None
    return end if is_question and rest.strip(" .,;»") and len(rest) < MAX_AFTER_QUESTION else 0


def join_segments(segments: Iterable[Segment]) -> list[str]:
    """Return the texts of segments, those of the same paragraph as one, without empty ones."""
    texts: list[str] = []
    previous: Segment | None = None
    for segment in segments:
        text = segment.para.text
        if previous and previous.index == segment.index and not text[previous.end : segment.start].strip():
            texts[-1] += text[previous.end : segment.end]
        else:
            texts.append(text[segment.start : segment.end])
        previous = segment
    return [text.strip(_EDGES) for text in texts if text.strip(_EDGES)]
