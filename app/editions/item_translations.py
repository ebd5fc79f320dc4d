"""Q&As in other languages, made from approved translations, and only if all texts of the Q&A are translated."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..answers.models import AnswerText
from ..db.session import get_many
from ..newsletters.models import Newsletter, NewsletterText
from ..questions.models import QuestionText, Translation
from ..typesetting.block import Block, Note
from ..typesetting.house_form import Piece, Voice, set_block
from ..typesetting.house_languages import phrases_for
from ..typesetting.renderers import to_text
from .items import NameTrouble, item_digest, own_phrases, piece_as_sent, piece_from
from .models import EditionItem, ItemTranslation
from .typos import typo_only


def get_newsletter_text(session: Session, newsletter: Newsletter, kind: str, language: str) -> str:
    """Return the newsletter's "section" or standing "call" (the `kind`) in another language, or an empty string.

    In the newsletter's own language both are in the settings, and this returns an empty string.
    """
    if language == newsletter.language:
        return ""
    query = select(NewsletterText.body).filter_by(
        newsletter_id=newsletter.id, kind=f"translated_{kind}", language=language
    )
    return session.scalar(query) or ""


def approved(session: Session, question_ids: Sequence[int]) -> dict[tuple[int, str], list[Translation]]:
    """Return the approved translations of several questions and of their answers, keyed by question ID and language."""
    found: dict[tuple[int, str], list[Translation]] = defaultdict(list)
    query = select(Translation).where(Translation.question_id.in_(question_ids), Translation.is_approved)
    for one in session.scalars(query.order_by(Translation.language, Translation.id)):
        found[one.question_id, one.language].append(one)
    return found


def translate_piece(
    session: Session, newsletter: Newsletter, piece: Piece, language: str, translations: Sequence[Translation]
) -> Piece | None:
    """Return a piece in another language, or None if one of its texts has no translation.

    `translations` are the approved translations of its question into that language. They are matched with the texts of
    the piece by the words of their originals.
    """
    asked = get_many(
        session, QuestionText, [one.of_question_text_id for one in translations if one.of_question_text_id]
    )
    said = get_many(session, AnswerText, [one.of_answer_text_id for one in translations if one.of_answer_text_id])
    voices = {said[one.of_answer_text_id].body: one for one in translations if one.of_answer_text_id}
    wording = next(
        (
            one
            for one in translations
            if one.of_question_text_id and asked[one.of_question_text_id].parts[:2] == (piece.headline, piece.question)
        ),
        None,
    )
    if wording is None or not all(voice.answer in voices for voice in piece.voices):
        return None
    own = own_phrases(session, newsletter, language)
    return replace(
        piece,
        language=language,
        section=get_newsletter_text(session, newsletter, "section", language) or piece.section,
        headline=wording.headline,
        question=wording.body,
        voices=tuple(
            _translate_voice(
                voice, voices[voice.answer], _format_translator_credits(language, own, piece, voices, wording, place)
            )
            for place, voice in enumerate(piece.voices)
        ),
        call=None,
    )


def _format_translator_credits(
    language: str,
    phrases: dict[str, str],
    piece: Piece,
    voices: dict[str, Translation],
    wording: Translation,
    index: int,
) -> tuple[str, ...]:
    """Return the credits of translators in a lead-in; the first answer also credits who translated the wording."""
    names = [voices[piece.voices[index].answer].credited]
    if index == 0 and wording.credited not in {one.credited for one in voices.values()}:
        names.append(wording.credited)
    phrase = phrases_for(language, phrases)["translation"]
    return tuple(phrase.replace("{translator}", name) for name in names if name)


def _translate_voice(voice: Voice, translation: Translation, translators: tuple[str, ...]) -> Voice:
    lead_in = replace(
        voice.lead_in,
        name=translation.name or voice.lead_in.name,
        credit_line=translation.credit_line or None,
        relation=translation.relation or None,
        pattern=None,
        additions=(*voice.lead_in.additions, *translators),
    )
    return Voice(lead_in, translation.body)


@dataclass(frozen=True)
class Run:
    """A Q&A of an edition in its own language, with the newsletter's own sentences of the house form (`own`).

    A locked one has an `item_id`, and `notes` if it was corrected since. One that isn't locked may have a `trouble`
    with a reader's name.
    """

    question_id: int
    piece: Piece
    own: dict[str, str]
    item_id: int | None = None
    trouble: NameTrouble | None = None
    notes: tuple[Note, ...] = ()


Set = tuple[Piece, dict[str, str]]  # a piece and the newsletter's own sentences in its language


def translate_runs(session: Session, newsletter: Newsletter, runs: Sequence[Run]) -> dict[str, list[Set | None]]:
    """Return an edition's Q&As in each language into which one of them is translated; None for those that aren't.

    For locked Q&As, the stored translations are used.
    """
    items = {run.item_id: place for place, run in enumerate(runs) if run.item_id}
    found: dict[str, list[Set | None]] = defaultdict(lambda: [None] * len(runs))
    for item in list_latest_translations(session, [*items]) if items else ():
        found[item.language][items[item.item_id]] = (piece_from(item), item.own)
    if items:
        return dict(sorted(found.items()))
    places = {run.question_id: place for place, run in enumerate(runs)}
    if not places:
        return {}
    for (key, language), made in approved(session, [*places]).items():
        if piece := translate_piece(session, newsletter, runs[places[key]].piece, language, made):
            found[language][places[key]] = (piece, own_phrases(session, newsletter, language))
    return dict(sorted(found.items()))


def blocks_of(session: Session, newsletter: Newsletter, pieces: Sequence[Set], runs: Sequence[Run]) -> list[Block]:
    """Typeset `pieces`, the Q&As of `runs` in the language to show, as the blocks of an edition.

    The standing call comes once, at the end: in the language of the last piece if the newsletter has one, and else the
    newsletter's usual one if that piece isn't a translation.
    """
    done = list(pieces)
    if done:
        last, own = done[-1]
        call = get_newsletter_text(session, newsletter, "call", last.language)
        is_own = last.language == runs[-1].piece.language
        done[-1] = (replace(last, call=call or (newsletter.call if is_own else "")), own)
    return [
        replace(set_block(piece, newsletter.address, own), notes=run.notes)
        for (piece, own), run in zip(done, runs, strict=True)
    ]


def ties_in(translations: Sequence[Translation]) -> list[tuple[str, str]]:
    """Return the experts' translated names and interests in the matter."""
    return [(one.name, one.ties) for one in translations if one.ties]


def freeze(session: Session, newsletter: Newsletter, item: EditionItem) -> None:
    """Store a locked or published Q&A in each language into which it is translated, if that changed anything."""
    for (_question, language), some in approved(session, [item.question_id]).items():
        piece = translate_piece(session, newsletter, piece_as_sent(item), language, some)
        if piece is not None:
            _save_translation(session, newsletter, item, piece, ties_in(some))


def _save_translation(
    session: Session, newsletter: Newsletter, item: EditionItem, piece: Piece, ties: list[tuple[str, str]]
) -> None:
    nameless = replace(piece, askers=tuple(None for _ in piece.askers))
    own = own_phrases(session, newsletter, piece.language)
    data = {"piece": asdict(nameless), "own": own, "ties": [list(one) for one in ties]}
    output = to_text(set_block(nameless, newsletter.address, own))
    last = next(iter(list_latest_translations(session, [item.id], piece.language)), None)
    if last is None or last.sha256 != item_digest(data, output):
        session.add(
            ItemTranslation(
                item_id=item.id,
                language=piece.language,
                number=last.number + 1 if last else 1,
                input=data,
                output=output,
                sha256=item_digest(data, output),
            )
        )
        session.flush()


def list_latest_translations(session: Session, item_ids: Sequence[int], language: str = "") -> list[ItemTranslation]:
    """Return the newest translation of each item in each language, or in one."""
    last = select(func.max(ItemTranslation.id)).where(ItemTranslation.item_id.in_(item_ids))
    last = last.where(ItemTranslation.language == language) if language else last
    last = last.group_by(ItemTranslation.item_id, ItemTranslation.language)
    query = select(ItemTranslation).where(ItemTranslation.id.in_(last)).order_by(ItemTranslation.language)
    return list(session.scalars(query))


def list_visible_translations(session: Session, item: EditionItem) -> list[ItemTranslation]:
    """Return the translations that the page of a published Q&A shows.

    There are none once its text was corrected, as they translate the text that was sent; a fixed typo doesn't count.
    """
    return list_latest_translations(session, [item.id]) if says_as_sent(item) else []


def says_as_sent(item: EditionItem) -> bool:
    """Return whether readers' pages show the text that was sent, apart from typos (see `typo_only`)."""
    sent, stands = (
        "\n\n".join((piece["headline"], piece["question"], *(voice["answer"] for voice in piece["voices"])))
        for piece in (item.input["piece"], item.piece)
    )
    return typo_only(sent, stands)
