"""Finding the Q&As of an edition: who asks, who answers, and the words of the question and the answers.

`segment_labels` decides which parts of the edition these are, by a model that was learned from labelled editions.
Names, labels, numbers and quotation marks around a text are removed here, but its words never change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from . import segment_labels as labels
from .answer_authors import find_expert, merge_unnamed
from .credited_names import read_askers
from .edition_outline import QUESTION_MARK, Scope, build_scope, mark_headings, remove_extras
from .issue_paragraph import Para
from .issue_words import MAX_PREFIX_LENGTH, Lexicon, get_lexicon, guess_edition_language, known_languages
from .labelled_edition import LabelledEdition
from .labelled_qas import LabelledAnswer, LabelledQA, group_segments
from .lead_ins import is_expert_announcement, parse_asker
from .printed_names import PrintedExpert
from .section_names import get_section_names
from .segment_facts import NUMBER
from .segment_features import list_borders, list_features
from .segment_labels import Model, compute_margin, find_best_labels, load_model
from .segments import Segment, join_segments, split_paragraphs
from .unquoting import begins_quoted, strip_quotation_marks

MAX_EDITION_PARAGRAPHS = 20_000  # a long edition has two hundred
MAX_HINT_LENGTH = 120  # characters; longer paragraphs aren't searched for mentions of readers' questions
MAX_ATTEMPTS = 5  # to find labels with a question mark in each question
CONTEXT = 2  # paragraphs above and below a Q&A that `FoundQA.source` includes
MAX_THANKS_WORDS = 12  # of a line that thanks the asker
# Reasons to check a Q&A: its date is unknown, a reader may not have asked it, it may not be a question, its expert is
# unknown, or its answer may end earlier.
DOUBTS = ("date", "reader", "question", "expert", "end")
# By how much the labels of a Q&A must be better than none: to be found, and to be found without a doubt.
MIN_MARGIN, MIN_SURE_MARGIN = 3_000, 12_000


@dataclass(frozen=True)
class FoundQA:
    """One expert's answer to one question, as printed.

    - day, language: those of the edition.
    - by_many: whether the edition says that several readers asked.
    - unsure: which of `DOUBTS` apply.
    - source: the paragraphs from which it was read, and some around them, each with its index in the edition.
    """

    section: str
    headline: str
    question: tuple[str, ...]
    askers: tuple[str, ...]
    expert: PrintedExpert
    answer: tuple[str, ...]
    day: date | None = None
    language: str = "en"
    by_many: bool = False
    unsure: tuple[str, ...] = ()
    source: tuple[tuple[int, str], ...] = ()


def find_qas(paras: Sequence[Para], language: str = "", model: Model | None = None) -> list[FoundQA]:
    """Find the Q&As in an edition's paragraphs, in order; without a `language`, guess it.

    Without a `model`, use the one that is delivered.
    """
    model = model or load_model()
    for candidate in _list_languages(paras, language):
        if qas := _find_qas_in_language(paras, candidate, model):
            return qas
    return []


def _list_languages(paras: Sequence[Para], language: str) -> list[str]:
    """Return the languages in which an edition is searched, the most likely first.

    The given or guessed language can be wrong, or that of the questions another: languages in which the edition
    mentions readers are tried as well, and first if it doesn't mention them in that language.
    """
    guess = language or guess_edition_language(para.text for para in paras)
    others = [other for other in known_languages() if other != guess and _mentions_readers(paras, get_lexicon(other))]
    is_likely = not others or _mentions_readers(paras, get_lexicon(guess), includes_english=True)
    return [guess, *others] if is_likely else [*others, guess]


def _mentions_readers(paras: Sequence[Para], lexicon: Lexicon, includes_english: bool = False) -> bool:
    """Return whether a short paragraph mentions readers' questions, in English only with `includes_english`."""
    if lexicon.language == "en" and not includes_english:
        return False
    short_texts = [para.text for para in paras[:MAX_EDITION_PARAGRAPHS] if 0 < len(para.text) <= MAX_HINT_LENGTH]
    return any(lexicon.native_strong_hints.search(text) for text in short_texts)


def _find_qas_in_language(paras: Sequence[Para], language: str, model: Model) -> list[FoundQA]:
    """Find the Q&As with the lexicon of a language."""
    edition = _label_edition(paras, get_lexicon(language), model)
    found_qas: list[FoundQA] = []
    for qa in group_segments(edition.segments, edition.labels):
        found_qas += _read_qa(edition, qa)
    return _remove_interviewer([replace(qa, language=language) for qa in found_qas])


def _label_edition(paras: Sequence[Para], lexicon: Lexicon, model: Model) -> LabelledEdition:
    prepared = mark_headings(remove_extras(paras[:MAX_EDITION_PARAGRAPHS], lexicon), lexicon)
    segments = split_paragraphs(prepared, lexicon)
    scores = [model.score(features) for features in list_features(segments, lexicon)]
    borders = list_borders(segments)
    segment_labels = _find_labels(model, segments, scores, borders)
    edition = LabelledEdition(prepared, lexicon, segments, model, scores, borders, segment_labels)
    edition.scopes = _list_scopes(edition)
    return edition


def _find_labels(
    model: Model, segments: Sequence[Segment], scores: list[list[float]], borders: Sequence[str]
) -> list[str]:
    """Return the best labels with which each question has a question mark, and set the scores of others."""
    for _attempt in range(MAX_ATTEMPTS):
        best_labels = find_best_labels(model, scores, borders)
        silent = [qa for qa in group_segments(segments, best_labels) if not _asks(qa.question)]
        if not silent:
            return _exclude_headlines(segments, best_labels)
        for qa in silent:
            for index in qa.span:
                if best_labels[index] == labels.QUESTION:
                    scores[index][labels.LABELS.index(labels.QUESTION)] = labels.FORBIDDEN
    return _exclude_headlines(segments, best_labels)


def _exclude_headlines(segments: Sequence[Segment], segment_labels: list[str]) -> list[str]:
    """Return the labels without those of headings above the text of a question: they are headlines."""
    changed = list(segment_labels)
    for index in range(len(segments) - 2, -1, -1):
        below = segments[index + 1]
        is_above_text = segment_labels[index + 1] == labels.QUESTION and below.para.kind != "heading" and _asks([below])
        if segments[index].para.kind == "heading" and segment_labels[index] == labels.QUESTION and is_above_text:
            changed[index] = labels.OTHER
    return changed


def _asks(segments: Sequence[Segment]) -> bool:
    return any(QUESTION_MARK.search(segment.text) for segment in segments)


def _list_scopes(edition: LabelledEdition) -> list[Scope | None]:
    """Return the innermost scope of each paragraph. A heading that belongs to a Q&A has none of its own."""
    outside = {labels.OTHER, labels.HOST}
    label_of_para = {segment.index: label for segment, label in zip(edition.segments, edition.labels, strict=True)}
    scopes: list[Scope | None] = []
    scope: Scope | None = None
    for index, para in enumerate(edition.paras):
        while scope is not None and index >= scope.end:
            scope = scope.parent
        if para.kind == "heading" and label_of_para[index] in outside:
            scope = build_scope(edition.paras, index, edition.lexicon, scope)
        scopes.append(scope)
    return scopes


def _read_qa(edition: LabelledEdition, qa: LabelledQA) -> list[FoundQA]:
    """Return the Q&As of a question, one for each answer; none if it has no question mark or is too uncertain."""
    question = _read_question(qa.question)
    margin = compute_margin(edition.model, edition.scores, edition.borders, edition.labels, qa.span)
    if margin < MIN_MARGIN or not _asks(qa.question):
        return []
    lexicon = edition.lexicon
    named_answers = merge_unnamed(edition, _cut_at_section_end(edition, qa))
    if len(named_answers) > 1 and _is_announcement(named_answers[0], lexicon):
        del named_answers[0]
    answers = [(answer, join_segments(answer.text)) for answer in named_answers if answer.text]
    if not answers:
        return []
    first = qa.question[0]
    style = "heading" if first.para.kind == "heading" else ""
    section, headline = get_section_names(edition.scopes[first.index], first.index, style, lexicon)
    askers = [*read_askers(qa.asker_above, lexicon), *read_askers(qa.asker_below, lexicon)]
    if not askers and headline:
        asker_line = parse_asker(headline, lexicon)
        if asker_line and not asker_line.rest:  # a heading that only says who asks
            headline = ""
            askers = [asker_line.asker]
    if not askers:
        askers = _find_thanks(edition, qa, answers[-1][1])
    start = edition.segments[qa.span.start].index
    end = edition.segments[qa.span.stop - 1].index + 1
    found_qas = []
    for answer, texts in answers:
        expert = find_expert(edition, answer, qa)
        if not askers and not _has_hint(edition, qa) and (not expert.name or expert.name in edition.guesses):
            continue  # nothing says that a reader asks or an expert answers
        found_qas.append(
            FoundQA(
                section,
                headline,
                question=tuple(question),
                askers=tuple(dict.fromkeys(filter(None, askers))),
                expert=expert,
                answer=tuple(strip_quotation_marks(texts)),
                by_many=lexicon.several_askers.match(edition.paras[start].text[:MAX_PREFIX_LENGTH]) is not None,
                unsure=tuple(_list_doubts(edition, qa, answer, expert, margin)),
                source=_get_source(edition.paras, start, end),
            )
        )
    return found_qas


def _cut_at_section_end(edition: LabelledEdition, qa: LabelledQA) -> list[LabelledAnswer]:
    """Return the answers up to the end of the question's section: a heading that ranks as high as the one above it."""
    question = qa.question[0]
    scope = edition.scopes[question.index]
    level = max(scope.level if scope else 0, question.para.level)
    first = next((segment.index for answer in qa.answers for segment in answer.text), len(edition.paras))
    inside = range(first, edition.segments[qa.span.stop - 1].index + 1)
    headings = [index for index in inside if edition.paras[index].kind == "heading"]
    end = next((index for index in headings if edition.paras[index].level <= level), len(edition.paras))
    return [answer.cut(end) for answer in qa.answers]


def _is_announcement(answer: LabelledAnswer, lexicon: Lexicon) -> bool:
    """Return whether an answer is no more than a sentence such as "We put this to two members of the panel."."""
    has_author = answer.author_above or answer.author_below
    return not has_author and len(answer.text) == 1 and is_expert_announcement(answer.text[0].text, lexicon)


def _read_question(segments: Sequence[Segment]) -> list[str]:
    """Return the paragraphs of a question without a number and quotation marks."""
    texts = join_segments(segments)
    if texts and (number := NUMBER.match(texts[0])):
        texts[0] = texts[0][number.end() :]
    return strip_quotation_marks(texts) if texts else []


def _get_source(paras: Sequence[Para], start: int, end: int) -> tuple[tuple[int, str], ...]:
    """Return the paragraphs between two indexes and CONTEXT more on either side, each with its index."""
    indexes = range(max(start - CONTEXT, 0), min(end + CONTEXT, len(paras)))
    return tuple((index, paras[index].text) for index in indexes if paras[index].text)


def _list_doubts(
    edition: LabelledEdition, qa: LabelledQA, answer: LabelledAnswer, expert: PrintedExpert, margin: float
) -> Iterator[str]:
    """Yield the codes of `DOUBTS` that apply to an answer."""
    if not _has_hint(edition, qa) and not qa.asker_above and not qa.asker_below:
        yield "reader"
    if margin < MIN_SURE_MARGIN:
        yield "question"
    ends_with_edition = answer.text[-1] is edition.segments[-1] and len(answer.text) > 1
    if ends_with_edition and not begins_quoted(answer.text[0].text):
        yield "end"
    if not expert.name or expert.name in edition.guesses:
        yield "expert"


def _has_hint(edition: LabelledEdition, qa: LabelledQA) -> bool:
    """Return whether a heading above a question says that readers may ask."""
    scope = edition.scopes[qa.question[0].index]
    return any(outer.has_strong_hint or outer.has_weak_hint for outer in scope.chain) if scope else False


def _find_thanks(edition: LabelledEdition, qa: LabelledQA, answer: list[str]) -> list[str]:
    """Find the asker in a line of thanks, which is the last paragraph of the last answer or stands below it.

    Remove the line from the answer. Return a list of the asker, if any.
    """
    if len(answer) > 1 and (asker := _parse_thanks(answer[-1], edition.lexicon)) is not None:
        answer.pop()
        return [asker]
    if qa.span.stop == len(edition.segments) or edition.segments[qa.span.stop].para.kind != "text":
        return []
    asker = _parse_thanks(edition.segments[qa.span.stop].para.text, edition.lexicon)
    return [asker] if asker else []


def _parse_thanks(line: str, lexicon: Lexicon) -> str | None:
    """Return the asker whom a line thanks, or "" for unnamed readers; None if the line says anything else."""
    if len(line.split()) > MAX_THANKS_WORDS or begins_quoted(line) or line.rstrip().endswith((":", "：")):
        return None
    asker_line = parse_asker(line, lexicon)
    if asker_line is None or asker_line.rest.strip(" .!"):
        return None
    return asker_line.asker


def _remove_interviewer(qas: list[FoundQA]) -> list[FoundQA]:
    """Remove the asker if all questions, three or more, name the same one: this is an interviewer and not a reader."""
    questions = {qa.question for qa in qas}
    askers_of_questions = {qa.askers for qa in qas}
    if len(questions) < 3 or len(askers_of_questions) > 1 or () in askers_of_questions:
        return qas
    return [replace(qa, askers=()) for qa in qas]


def to_json_dict(qa: FoundQA, file: str) -> dict[str, Any]:
    """Return a Q&A for the output of `editions import --dry-run --json`. Unknown values are None or empty."""
    expert = qa.expert
    return {
        "file": file,
        "edition_date": qa.day.isoformat() if qa.day else None,
        "section": qa.section or None,
        "headline": qa.headline or None,
        "question": "\n\n".join(qa.question),
        "askers": list(qa.askers),
        "lead_in": {
            "name": expert.name or None,
            "credit_line": expert.credit_line or None,
            "relation": expert.relation or None,
        },
        "answer": list(qa.answer),
        "unsure": list(qa.unsure),
    }
