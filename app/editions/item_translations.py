"""Q&As in other languages. A Q&A is only translated if all of its texts have an approved translation."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..answers.models import AnswerText
from ..db.session import get_many
from ..newsletters.models import Newsletter, NewsletterText
from ..questions.models import QuestionText, Translation
from ..typesetting.block import Block, PrintedCorrection
from ..typesetting.house_form import ItemContent, Voice, set_block
from ..typesetting.house_languages import phrases_for
from ..typesetting.renderers import to_text
from .items import NameTrouble, item_digest, list_printed_experts, own_phrases, piece_as_sent, piece_from
from .models import EditionItem, ItemTranslation
from .typos import find_typos


def get_newsletter_text(session: Session, newsletter: Newsletter, kind: str, language: str) -> str:
    """Return the newsletter's text of a `kind`, "section" or standing "call", in another language, or "" for none.

    Return "" for the newsletter's own language, too: the texts in this language are settings of the newsletter.
    """
    if language == newsletter.language:
        return ""
    query = select(NewsletterText.body).filter_by(
        newsletter_id=newsletter.id, kind=f"translated_{kind}", language=language
    )
    return session.scalar(query) or ""


def get_call(session: Session, newsletter: Newsletter, language: str, *, is_translation: bool) -> tuple[str, str]:
    """Return the standing call to print after a Q&A in this language, and the call's own language.

    Without a call in that language, it is the newsletter's usual call, or none after a translation.
    """
    if call := get_newsletter_text(session, newsletter, "call", language):
        return call, language
    return "" if is_translation and language != newsletter.language else newsletter.call, newsletter.language


def list_approved_translations(
    session: Session, question_ids: Sequence[int]
) -> dict[tuple[int, str], list[Translation]]:
    """Return the approved translations of several questions and of their answers, keyed by question ID and language."""
    translations: dict[tuple[int, str], list[Translation]] = defaultdict(list)
    query = select(Translation).where(Translation.question_id.in_(question_ids), Translation.is_approved)
    for translation in session.scalars(query.order_by(Translation.language, Translation.id)):
        translations[translation.question_id, translation.language].append(translation)
    return translations


def translate_piece(
    session: Session, newsletter: Newsletter, piece: ItemContent, language: str, translations: Sequence[Translation]
) -> ItemContent | None:
    """Return a piece in another language, or None if one of its texts has no translation.

    `translations` are the approved translations of its question and answers into that language. A translation only
    counts if the text that was translated is still the one in the piece.
    """
    wording = _find_wording(session, piece, translations)
    if wording is None:
        return None
    answer_ids = [translation.of_answer_text_id for translation in translations if translation.of_answer_text_id]
    originals = get_many(session, AnswerText, answer_ids)
    answers_by_original = {
        originals[translation.of_answer_text_id].body: translation
        for translation in translations
        if translation.of_answer_text_id
    }
    if any(voice.answer not in answers_by_original for voice in piece.voices):
        return None
    phrases = own_phrases(session, newsletter, language)
    voices = []
    for index, voice in enumerate(piece.voices):
        credits = _format_translator_credits(language, phrases, piece, answers_by_original, wording, index)
        voices.append(_translate_voice(voice, answers_by_original[voice.answer], credits))
    return replace(
        piece,
        language=language,
        section=get_newsletter_text(session, newsletter, "section", language) or piece.section,
        headline=wording.headline,
        question=wording.body,
        voices=tuple(voices),
        call=None,
    )


def _find_wording(session: Session, piece: ItemContent, translations: Sequence[Translation]) -> Translation | None:
    """Return the translation of a piece's headline and question, or None."""
    wordings = {
        translation.of_question_text_id: translation for translation in translations if translation.of_question_text_id
    }
    originals = get_many(session, QuestionText, list(wordings))
    for text_id, wording in wordings.items():
        if originals[text_id].parts[:2] == (piece.headline, piece.question):
            return wording
    return None


def _format_translator_credits(
    language: str,
    phrases: dict[str, str],
    piece: ItemContent,
    answers_by_original: dict[str, Translation],
    wording: Translation,
    index: int,
) -> tuple[str, ...]:
    """Return the credits of translators in the lead-in of an answer, the piece's voice at `index`.

    The lead-in of the first answer also credits the translator of the question. `answers_by_original` are the
    translations of the answers, keyed by the original text.
    """
    names = [answers_by_original[piece.voices[index].answer].credited]
    if index == 0 and wording.credited not in {translation.credited for translation in answers_by_original.values()}:
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
class PublishedItem:
    """A Q&A of an edition in its own language.

    - `phrases`: the newsletter's own sentences of the house form;
    - `item_id`: the ID of the item, if the Q&A is locked;
    - `trouble`: why a reader's name can't be printed, if the Q&A isn't locked;
    - `notes`: the corrections after the lock.
    """

    question_id: int
    piece: ItemContent
    phrases: dict[str, str]
    item_id: int | None = None
    trouble: NameTrouble | None = None
    notes: tuple[PrintedCorrection, ...] = ()


# A piece, and the newsletter's own sentences of the house form in its language.
PieceWithPhrases = tuple[ItemContent, dict[str, str]]


def translate_items(
    session: Session, newsletter: Newsletter, items: Sequence[PublishedItem]
) -> dict[str, list[PieceWithPhrases | None]]:
    """Return an edition's Q&As by language, for each language into which at least one is translated.

    Each list has the order of `items`, with None for a Q&A that isn't translated. For locked Q&As, the stored
    translations are used.
    """
    if not items:
        return {}
    translated: dict[str, list[PieceWithPhrases | None]] = defaultdict(lambda: [None] * len(items))
    index_by_item_id = {item.item_id: index for index, item in enumerate(items) if item.item_id}
    if index_by_item_id:
        for translation in list_latest_translations(session, list(index_by_item_id)):
            index = index_by_item_id[translation.item_id]
            translated[translation.language][index] = (piece_from(translation), translation.own)
        return dict(sorted(translated.items()))
    index_by_question_id = {item.question_id: index for index, item in enumerate(items)}
    approved_translations = list_approved_translations(session, list(index_by_question_id))
    for (question_id, language), translations in approved_translations.items():
        index = index_by_question_id[question_id]
        piece = translate_piece(session, newsletter, items[index].piece, language, translations)
        if piece is not None:
            translated[language][index] = (piece, own_phrases(session, newsletter, language))
    return dict(sorted(translated.items()))


def typeset_pieces(
    session: Session, newsletter: Newsletter, pieces: Sequence[PieceWithPhrases], items: Sequence[PublishedItem]
) -> list[Block]:
    """Typeset the Q&As of an edition as blocks. `pieces` are those of `items`, in the language to show.

    The standing call comes once, after the last piece and in its language.
    """
    if not pieces:
        return []
    *others, (last, last_phrases) = pieces
    is_translation = last.language != items[-1].piece.language
    call, _language = get_call(session, newsletter, last.language, is_translation=is_translation)
    pieces_with_call = [*others, (replace(last, call=call), last_phrases)]
    return [
        replace(set_block(piece, newsletter.address, phrases), notes=item.notes)
        for (piece, phrases), item in zip(pieces_with_call, items, strict=True)
    ]


def ties_in(translations: Sequence[Translation]) -> list[tuple[str, str]]:
    """Return the experts' own interests in the matter, translated, each with the expert's translated name."""
    return [(translation.name, translation.ties) for translation in translations if translation.ties]


def freeze(session: Session, newsletter: Newsletter, item: EditionItem) -> None:
    """Store a locked or published Q&A in each language into which it is translated, if it isn't stored already."""
    for (_question_id, language), translations in list_approved_translations(session, [item.question_id]).items():
        piece = translate_piece(session, newsletter, piece_as_sent(item), language, translations)
        if piece is not None:
            _save_translation(session, newsletter, item, piece, ties_in(translations))


def _save_translation(
    session: Session, newsletter: Newsletter, item: EditionItem, piece: ItemContent, ties: list[tuple[str, str]]
) -> None:
    nameless = replace(piece, askers=tuple(None for _ in piece.askers))
    phrases = own_phrases(session, newsletter, piece.language)
    data = {"piece": asdict(nameless), "own": phrases, "ties": [list(name_and_ties) for name_and_ties in ties]}
    output = to_text(set_block(nameless, newsletter.address, phrases))
    sha256 = item_digest(data, output)
    latest = list_latest_translations(session, [item.id], piece.language)
    if latest and latest[0].sha256 == sha256:
        return
    session.add(
        ItemTranslation(
            item_id=item.id,
            language=piece.language,
            number=latest[0].number + 1 if latest else 1,
            input=data,
            output=output,
            sha256=sha256,
        )
    )
    session.flush()


def list_latest_translations(session: Session, item_ids: Sequence[int], language: str = "") -> list[ItemTranslation]:
    """Return the newest translation of each item in each language, or only in `language`."""
    latest_ids = select(func.max(ItemTranslation.id)).where(ItemTranslation.item_id.in_(item_ids))
    if language:
        latest_ids = latest_ids.where(ItemTranslation.language == language)
    latest_ids = latest_ids.group_by(ItemTranslation.item_id, ItemTranslation.language)
    query = select(ItemTranslation).where(ItemTranslation.id.in_(latest_ids)).order_by(ItemTranslation.language)
    return list(session.scalars(query))


def list_visible_translations(session: Session, item: EditionItem) -> list[ItemTranslation]:
    """Return the translations that the page of a published Q&A shows.

    There are none after a correction, as they translate the text that was sent. A fixed typo doesn't count.
    """
    return get_visible_translations(session, [item])[item.id]


def get_section_name(
    session: Session, newsletter: Newsletter, item: EditionItem, displayed: EditionItem | ItemTranslation
) -> str:
    """Return the section's name for the page of a published Q&A. `displayed` is what the page shows.

    If the section had no name in the translation's language when the translation was stored, it may have one now.
    """
    name: str = displayed.piece["section"]
    if isinstance(displayed, ItemTranslation) and name == item.piece["section"]:
        return get_newsletter_text(session, newsletter, "section", displayed.language) or name
    return name


def get_visible_translations(session: Session, items: Sequence[EditionItem]) -> dict[int, list[ItemTranslation]]:
    """Return `list_visible_translations` of several items, keyed by their IDs, in one query."""
    translations_by_item: dict[int, list[ItemTranslation]] = {item.id: [] for item in items}
    items_as_sent = [item.id for item in items if _is_text_as_sent(item)]
    if items_as_sent:
        for translation in list_latest_translations(session, items_as_sent):
            translations_by_item[translation.item_id].append(translation)
    return translations_by_item


def list_visible_languages(session: Session, item_ids: Select[int] | Sequence[int]) -> dict[int, list[str]]:
    """Return the languages of the translations that pages show, keyed by item ID, of the items that have any.

    It loads only the texts of those that were changed after they were sent, so there may be many.
    """
    query = select(ItemTranslation.item_id, ItemTranslation.language).where(ItemTranslation.item_id.in_(item_ids))
    languages: dict[int, list[str]] = defaultdict(list)
    for item_id, language in session.execute(query.distinct().order_by(ItemTranslation.language)):
        languages[item_id].append(language)
    is_changed = select(EditionItem).where(EditionItem.id.in_(item_ids), EditionItem.mended_at.is_not(None))
    for item in session.scalars(is_changed):
        if not _is_text_as_sent(item):
            languages.pop(item.id, None)
    return languages


def list_versions_in(
    session: Session, items: Sequence[EditionItem], language: str
) -> list[EditionItem | ItemTranslation]:
    """Return Q&As as readers' pages show them in a language: each in it if it is translated, or else in its own."""
    to_translate = [item.id for item in items if item.piece["language"] != language and _is_text_as_sent(item)]
    translations = list_latest_translations(session, to_translate, language) if to_translate else []
    versions = {translation.item_id: translation for translation in translations}
    return [versions.get(item.id, item) for item in items]


def _is_text_as_sent(item: EditionItem) -> bool:
    """Return whether readers' pages show the text and the names that were sent, apart from typos (see `find_typos`)."""
    if item.mended is None:
        return True
    if list_printed_experts(item.input["piece"]) != list_printed_experts(item.piece):
        return False
    return find_typos(_join_texts(item.input["piece"]), _join_texts(item.piece)) != "more"


def _join_texts(piece: dict[str, Any]) -> str:
    answers = [voice["answer"] for voice in piece["voices"]]
    return "\n\n".join([piece["headline"], piece["question"], *answers])
