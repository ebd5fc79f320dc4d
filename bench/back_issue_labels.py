"""The labels of the segments of an edition, from the Q&As that are written beside it.

The tests keep editions with what is to be found in them, as words. Where these words are in the edition shows which
segments are the question and the answer; the segments around them that hold a name are those of asker and author.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.back_issues import segment_labels as labels
from app.back_issues.edition_outline import mark_headings, remove_extras
from app.back_issues.issue_files import issues_in
from app.back_issues.issue_words import Lexicon, get_lexicon, guess_edition_language
from app.back_issues.printed_names import parse_name_line, parse_signature
from app.back_issues.segment_features import list_borders, list_features
from app.back_issues.segments import Segment, split_paragraphs

ROOT = Path(__file__).parents[1] / "tests" / "support"
BLIND_SETS = tuple(f"back_issues_blind/{letter}" for letter in "abcd")  # by other authors than the model's
OWN_SETS = ("back_issues", "back_issues_unseen")
SETS = (*OWN_SETS, *BLIND_SETS)
MIN_SHARE = 0.6  # of a segment's letters that must belong to a text
MAX_ASKER_DISTANCE = 3  # segments above a question
MAX_AUTHOR_DISTANCE = 2  # segments below an answer
MAX_LABEL_LENGTH = 90
MAX_ASKER_LENGTH = 30  # letters of a line below a question that says who asks: "Name withheld"
MIN_NAME_LENGTH = 2  # letters of an asker's name that is looked for: "D." is in many words


@dataclass
class Edition:
    """An edition of a file, with the segments, their features and their labels."""

    segments: list[Segment]
    lexicon: Lexicon
    features: list[list[str]]
    labels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        letters = [_letters(segment.text) for segment in self.segments]
        self.text = "".join(letters)
        self.owners = [index for index, part in enumerate(letters) for _letter in part]
        self.lengths = list(map(len, letters))
        self.labels = [labels.OTHER] * len(self.segments)
        self.borders = list_borders(self.segments)


@dataclass
class LabelledFile:
    """A file of the tests with its editions, and the Q&As that are in it."""

    path: Path
    folder: str
    editions: list[Edition]
    expected: list[dict[str, Any]]


def load_files(folders: Sequence[str] = SETS) -> list[LabelledFile]:
    """Return the labelled files of these folders of the tests."""
    return [_load_file(path, folder) for folder in folders for path in _list_paths(ROOT / folder)]


def _list_paths(folder: Path) -> Iterator[Path]:
    """Yield the editions of a folder. Beside each are its Q&As, in a file whose name has ".json" added."""
    for expected in sorted(folder.glob("*.json")):
        if expected.with_suffix("").exists():
            yield expected.with_suffix("")


def _read_expected(path: Path) -> list[dict[str, Any]]:
    expected: list[dict[str, Any]] = json.loads(Path(f"{path}.json").read_text("utf-8"))
    return expected


def _load_file(path: Path, folder: str) -> LabelledFile:
    editions = []
    for issue in issues_in(path.name, path.read_bytes()):
        lexicon = get_lexicon(issue.language or guess_edition_language(para.text for para in issue.paras))
        segments = split_paragraphs(mark_headings(remove_extras(issue.paras, lexicon), lexicon), lexicon)
        editions.append(Edition(segments, lexicon, list_features(segments, lexicon)))
    expected = _read_expected(path)
    left = list(expected)
    for edition in editions:
        left = _label_edition(edition, left)
    if left:
        raise ValueError(f"{path}: not found: {left[0]['question']}")
    return LabelledFile(path, folder, editions, expected)


def _letters(text: str | None) -> str:
    return "".join(filter(str.isalnum, (text or "").casefold()))


def _label_edition(edition: Edition, qas: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Label the segments of the Q&As that are in this edition; return the others."""
    others = []
    position = 0
    question: range | None = None
    previous_question = ""
    for qa in qas:
        is_same_question = question is not None and qa["question"] == previous_question
        if question and is_same_question:
            starts = [question.start]
        else:
            starts = [start for start in _find_all(edition.text, _letters(qa["question"])) if start >= position]
        candidates = [_find_texts(edition, qa, start, position) for start in starts]
        found = [spans for spans in candidates if spans]
        if not found:
            others.append(qa)
            continue
        spans = min(found, key=lambda spans: spans[1].start - spans[0].start)
        question, previous_question = spans[0], qa["question"]
        position = spans[-1].stop
        _label_qa(edition, qa, spans, is_same_question)
    return others


def _find_all(text: str, part: str) -> list[int]:
    starts = [text.find(part)]
    while starts[-1] >= 0:
        starts.append(text.find(part, starts[-1] + 1))
    return starts[:-1]


def _find_texts(edition: Edition, qa: dict[str, Any], start: int, position: int) -> list[range] | None:
    """Return where the question from `start` and each paragraph of its answer are, or None if these aren't below."""
    spans = [range(start, start + len(_letters(qa["question"])))]
    position = max(spans[0].stop, position)
    for paragraph in filter(None, map(_letters, qa["answer"])):
        index = edition.text.find(paragraph, position)
        if index < 0:
            return None
        position = index + len(paragraph)
        spans.append(range(index, position))
    return spans


def _list_segments(edition: Edition, span: range) -> list[int]:
    """Return the segments whose letters are mostly in a span of the text."""
    owners = edition.owners[span.start : span.stop]
    return [index for index in dict.fromkeys(owners) if owners.count(index) >= MIN_SHARE * edition.lengths[index]]


def _label_qa(edition: Edition, qa: dict[str, Any], spans: Sequence[range], is_same_question: bool) -> None:
    question = _list_segments(edition, spans[0])
    answer = [index for span in spans[1:] for index in _list_segments(edition, span)]
    askers = [letters for letters in map(_letters, qa["askers"]) if len(letters) >= MIN_NAME_LENGTH]
    author = qa["lead_in"]["name"] or ""
    if not is_same_question:
        _set_labels(edition, question, labels.QUESTION)
        _label_asker_above(edition, question[0], askers)
    _set_labels(edition, range(answer[0], answer[-1] + 1), labels.IN_ANSWER)
    _set_labels(edition, answer, labels.ANSWER)
    edition.labels[answer[0]] = labels.ANSWER_START
    between = [index for index in range(question[-1] + 1, answer[0]) if edition.labels[index] == labels.OTHER]
    if is_same_question:
        last = max(index for index in range(answer[0]) if edition.labels[index] != labels.OTHER)
        between = [index for index in between if index > last]
    is_named = _label_between(edition, between, askers, author)
    if author and not is_named and not _label_author_below(edition, answer[-1], author):
        _label_host(edition, question[0], answer[-1], author)


def _set_labels(edition: Edition, indexes: Sequence[int], label: str) -> None:
    for index in indexes:
        edition.labels[index] = label


def _label_asker_above(edition: Edition, question: int, askers: Sequence[str]) -> None:
    for index in range(question - 1, max(question - 1 - MAX_ASKER_DISTANCE, -1), -1):
        segment = edition.segments[index]
        text = _letters(segment.text)
        is_near = segment.index == edition.segments[question].index or any(asker in text for asker in askers)
        is_label = (
            len(segment.text) < MAX_LABEL_LENGTH
            and segment.para.kind not in ("heading", "rule")
            and (
                edition.lexicon.unnamed_asker.match(segment.text) or edition.lexicon.match_question_label(segment.text)
            )
        )
        if edition.labels[index] != labels.OTHER or not (is_near or is_label):
            return
        edition.labels[index] = labels.ASKER_ABOVE


def _label_between(edition: Edition, between: Sequence[int], askers: Sequence[str], author: str) -> bool:
    """Label what is between question and answer; return whether the author is named there."""
    is_named = False
    has_author = False
    for index in between:
        segment = edition.segments[index]
        text = _letters(segment.text)
        last_name = _letters(author.split()[-1]) if author else ""
        next_paragraph = edition.segments[between[-1] + 1].index
        if last_name and last_name in text:
            is_named = has_author = True
        elif edition.lexicon.match_answer_label(segment.text) or segment.index == next_paragraph:
            has_author = True
        elif not has_author and (
            any(asker in text for asker in askers)
            or segment.index == edition.segments[between[0] - 1].index
            or (edition.lexicon.readers.search(segment.text) and len(text) < MAX_LABEL_LENGTH)
            or parse_signature(segment.text)
            or (index == between[0] and len(text) < MAX_ASKER_LENGTH)
        ):
            edition.labels[index] = labels.ASKER_BELOW
            continue
        edition.labels[index] = labels.AUTHOR_ABOVE if has_author else labels.BEFORE_ANSWER
    return is_named


def _label_author_below(edition: Edition, answer: int, author: str) -> bool:
    for index in range(answer + 1, min(answer + 1 + MAX_AUTHOR_DISTANCE, len(edition.segments))):
        segment = edition.segments[index]
        is_name_line = parse_name_line(segment.text, edition.lexicon) is not None
        if segment.para.kind in ("heading", "rule") and segment.text != author and not is_name_line:
            return False
        if _letters(author) in _letters(segment.text):
            is_adjacent = edition.labels[index - 1] != labels.OTHER
            edition.labels[index] = labels.AUTHOR_BELOW if is_adjacent else labels.HOST
            return True
    return False


def _label_host(edition: Edition, question: int, answer: int, author: str) -> None:
    """Label the nearest segment that names an author, above the question or else below the answer."""
    naming = [index for index, segment in enumerate(edition.segments) if _letters(author) in _letters(segment.text)]
    if any(edition.labels[index] in (labels.AUTHOR_ABOVE, labels.AUTHOR_BELOW) for index in naming):
        return
    above = [index for index in naming if index < question]
    nearest = above[-1:] or [index for index in naming if index > answer][:1]
    for index in nearest:
        if edition.labels[index] == labels.OTHER:
            edition.labels[index] = labels.HOST
