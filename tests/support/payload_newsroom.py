"""A newsroom with every payload in every field, entered through the product's own functions, mails and forms.

`FILL_STEPS` fills each text column that somebody can type into.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formataddr
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, expert_mails, translating, translators, writing
from app.answers.assigning import Brief
from app.answers.models import Assignment
from app.core.actors import Clock, ExpertActor, Mailroom, Reader, Staff, TranslatorActor
from app.core.fields import read_form
from app.db.engine import Database
from app.db.session import get_keyring, now
from app.editions import locking, slots
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.forms import form_drafts
from app.letters import contacts, filing, machine_translation, mailed_letters, receipts, receive
from app.letters.models import Letter, MachineTranslation
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters import mail_texts, settings, topics
from app.newsletters.models import Newsletter
from app.newsletters.sentence_placeholders import REQUIRED_PLACEHOLDERS
from app.people import api_tokens, directory, expert_pages, expert_photos, links, staff, uploads
from app.people.models import PROFILE, Expert, Factor, Person
from app.programs import registering
from app.questions import actions, notes, wording
from app.questions.models import Question
from app.questions.source_protection import LeakDetected, find_contact_details
from app.workflows import invitations
from app.workflows.back_issues import received_editions
from app.workflows.letters import receipt_notes
from app.workflows.newsletters import founding
from app.workflows.publishing import after_sending, publication
from tests.support.desk_people import hire
from tests.support.incoming_mails import mail
from tests.support.mailroom import NewsletterMailroom
from tests.support.payloads import PAYLOADS, pack_payloads
from tests.support.sample_newsroom import Newsroom

HARMLESS_QUESTION = "Who measures the salt in the orchards, and can a village ask for the figures?"
SENTENCE_KINDS = (
    "heading",
    "asked_many",
    "asked_one",
    "asked_credit",
    "lead_in",
    "also",
    "translation",
    "verify",
    "pay",
    "rights",
)


def has_contact_details(payload: str) -> bool:
    """Return whether a payload looks like contact details, which wordings reject."""
    return any(True for _detail in find_contact_details(payload))


def has_braces(payload: str) -> bool:
    """Return whether a payload has braces, which house sentences reject as placeholders."""
    return "{" in payload or "}" in payload


class PayloadTexts:
    """Payloads joined to texts of up to `max_length`, without those to `exclude`.

    Calling it with an index returns a text; beyond the last one it starts again from the first.
    """

    def __init__(
        self, max_length: int, separator: str = " ", exclude: Callable[[str], bool] = lambda _payload: False
    ) -> None:
        self.texts = pack_payloads(max_length, separator, [payload for payload in PAYLOADS if not exclude(payload)])

    def __call__(self, index: int) -> str:
        return self.texts[index % len(self.texts)]


LONG, TWO_THOUSAND, FIVE_HUNDRED = PayloadTexts(3_900, "\n\n"), PayloadTexts(1_950, "\n\n"), PayloadTexts(490, "\n\n")
LINE_400, LINE_300, NAME_200, NAME_120, NAME_60 = (
    PayloadTexts(400),
    PayloadTexts(300, exclude=has_contact_details),
    PayloadTexts(200),
    PayloadTexts(120),
    PayloadTexts(60),
)
WORDING = PayloadTexts(700, "\n\n", exclude=has_contact_details)
CORRECTION_NOTE = PayloadTexts(590, exclude=has_contact_details)
HOUSE_SENTENCE = {size: PayloadTexts(size, "\n\n", exclude=has_braces) for size in (150, 1_800)}
ANSWER = PayloadTexts(1_200, "\n\n")  # short, because edited answers are compared word by word, which is slow
QUESTION_COUNT = len(NAME_120.texts)  # published questions, each with another name as its credit
ALL_PAYLOADS = "\n\n".join(PAYLOADS)
TOPICS = [payload for payload in PAYLOADS if not set(payload) & set(",;|\n\r") and len(payload) <= 60]


def confirm_reviewed(actor: Staff, act: Callable[[Staff], Any]) -> Any:
    """Do something as an editor who confirms having reviewed the passages that repeat a reader's words."""
    reviewed: frozenset[str] = frozenset()
    while True:  # a text is looked through before it is stored, and again before it is mailed
        try:
            return act(replace(actor, reviewed_passages=reviewed))
        except LeakDetected as leaking:
            if reviewed >= {*leaking.passages}:
                raise
            reviewed |= {*leaking.passages}


@dataclass
class PayloadNewsroom:
    """The context of the fill steps, and what they record for the tests."""

    session: Session
    newsroom: Newsroom
    vera: Staff
    newsletter: Newsletter
    experts: list[int] = field(default_factory=list)  # their ids
    receipts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def nora(self) -> Staff:
        return self.newsroom.nora


def add_newsletters(context: PayloadNewsroom) -> None:
    """Create a newsletter for each text of `NAME_200`, with payloads in its settings, sentences, mails and topics."""
    session, steppe = context.session, context.newsletter
    copied_columns = {column.key for column in Newsletter.__table__.columns} - {
        "id",
        "public_id",
        "version",
        "state",
        "state_at",
    }
    columns = {name: getattr(steppe, name) for name in copied_columns}
    for index in range(len(NAME_200.texts)):
        newsletter = founding.create_newsletter(
            session, context.vera, columns | {"slug": f"letter-{index}", "inbox": f"ask{index}@steppe.example"}, {}
        )
        actor = replace(context.vera, newsletter_id=newsletter.id)
        directory.give_role(session, Clock(), session.get_one(Person, context.nora.person_id), newsletter.id, "editor")
        names = dict.fromkeys(("name", "publisher", "editor", "section"), NAME_200(index))
        note = f"Uzbekistan, 2026-10-12\nen: {' '.join(NAME_200(index).split())}"
        settings.change(
            session,
            actor,
            newsletter,
            **names,
            dek=LINE_400(index),
            imprint=LINE_400(index),
            call=HOUSE_SENTENCE[1_800](index),
            notes=note,
        )
        _reword_sentences(session, actor, newsletter, index)
        for number in range(index, len(NAME_60.texts), len(NAME_200.texts)):
            registering.add(session, actor, "webhook", NAME_60(number), "https://hooks.example/")
            api_tokens.create(session, actor, NAME_60(number), ["read"], 90)
        topics.get_or_create_topics(
            session, context.nora, newsletter, [NAME_120(index), NAME_120(index + len(NAME_200.texts))]
        )


def _reword_sentences(session: Session, actor: Staff, newsletter: Newsletter, index: int) -> None:
    texts = {kind: f"{HOUSE_SENTENCE[1_800](index)} {REQUIRED_PLACEHOLDERS.get(kind, '')}" for kind in SENTENCE_KINDS}
    settings.save_house_sentences(session, actor, newsletter, "en", texts)
    for kind in mail_texts.REWORDABLE_KINDS:
        parts = mail_texts.parts_of(kind)
        texts_by_part = {}
        for name, part in parts.items():
            sentence = HOUSE_SENTENCE[150 if name == "subject" else 1_800](index)
            placeholders = " ".join(f"{{{placeholder}}}" for placeholder in part.required)
            texts_by_part[name] = f"{sentence} {placeholders}"
        mail_texts.save_custom_texts(session, actor, newsletter, "en", kind, texts_by_part)


def add_people(context: PayloadNewsroom) -> None:
    """Create experts, upload more in a file, and create and invite staff."""
    session, nora, vera = context.session, context.nora, context.vera
    for index in range(QUESTION_COUNT):
        profile = {"title": NAME_200(index), "organisation": NAME_200(index), "place": NAME_200(index), "credit_line": LINE_400(index),
                   "relation": LINE_400(index), "bio": LONG(index), "ties": LONG(index), "topics": list(islice(TOPICS, index * 9, index * 9 + 9)),
                   "described_as": LINE_400(index // 2) if index % 2 else ""}  # fmt: skip
        values, _errors = read_form(
            PROFILE, profile | {"topics": ", ".join(profile["topics"])}
        )  # as the form of a page parses them
        expert = directory.record_expert(session, nora, NAME_200(index), f"expert{index}@field.example", **values)
        directory.verify_expert(session, nora, expert, LINE_400(index))
        if not expert.described_as:
            expert_pages.give_consent(session, nora, expert, context.newsletter.id, LINE_400(index // 2))
        context.experts.append(expert.id)
    for index in range(len(NAME_200.texts)):
        expert = directory.record_expert(session, nora, f"Leyla {index}", f"leyla{index}@field.example")
        credit = expert_photos.PhotoCredit(NAME_200(index), "other", NAME_200(index))
        expert_photos.save_photo(session, nora, expert, "", credit, f"image {index}".encode())
        photo = expert_photos.photo_of(session, expert)
        assert photo
        actor = ExpertActor(expert.id, expert.name)
        expert_photos.show_photo(session, actor, expert, photo.public_id, [context.newsletter.id])
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["Name", "E-mail", "Title", "About them"])
    writer.writerows(
        [NAME_200(index), f"filed{index}@field.example", NAME_200(index), LONG(index)]
        for index in range(len(NAME_200.texts))
    )
    uploads.keep(session, vera, sheet.getvalue().encode())
    for index in range(len(NAME_200.texts)):
        hire(session, context.newsletter.id, NAME_200(index), f"staff{index}@desk.example", "assistant")
        staff.invite(session, vera, NAME_200(index), NAME_200(index), f"invited{index}@desk.example", "assistant")
    for index in range(len(NAME_60.texts)):
        row = {"kind": "passkey", "credential": f"key {index}".encode(), "public_key": b"key", "made_at": now(session)}
        session.add(Factor(person_id=nora.person_id, name=" ".join(NAME_60(index).split()), **row))


def add_letters(context: PayloadNewsroom) -> None:
    """Send letters with every field filled, and write the notes that readers and the desk exchange on receipts."""
    session, nora = context.session, context.nora
    for index in range(QUESTION_COUNT):
        submission = receive.Submission(f"Why? {TWO_THOUSAND(index)[:1_990]}", LONG(index), "en", "while", f"timur{index}@post.example", "full",
                          NAME_120(index), NAME_120(index + 1), LONG(index))  # fmt: skip
        letter = _send_letter(context, submission, f"letter {index}")
        contacts.verify_credit(session, nora, letter, LINE_400(index))
        receipts.add(session, receipts.reader_of(letter), letter, TWO_THOUSAND(index))
        receipt_notes.leave_note(session, nora, letter, FIVE_HUNDRED(index))
        if index % 2:
            receipt_notes.answer_note(session, receipts.reader_of(letter), letter, TWO_THOUSAND(index + 1))
            question = actions.open_question(session, nora, [letter])
            notes.note(session, nora, question, LONG(index // 2))
        context.receipts.append(
            receive.receipt_of(session, receive.FormToken(f"letter {index}", get_keyring(session).newest))
        )


def add_forwarded_letters(context: PayloadNewsroom) -> None:
    """Create letters that somebody at the desk forwarded with a comment."""
    for index, text in enumerate(LONG.texts):
        mailed = mailed_letters.MailedLetter(f"{HARMLESS_QUESTION} {index}", "", now(context.session), comment=text)
        mailed_letters.take(context.session, Mailroom(), context.newsletter, mailed)


def _send_letter(context: PayloadNewsroom, submission: receive.Submission, nonce: str) -> Letter:
    letter = receive.send(
        context.session,
        Reader(),
        context.newsletter,
        submission,
        form=receive.FormToken(nonce, get_keyring(context.session).newest),
    )
    if letter.is_held:
        filing.release(context.session, context.nora, letter)
    return letter


def run_question(context: PayloadNewsroom, index: int) -> None:
    """Take a question from its letter to an edition. The edition is sent once it has ten questions."""
    session, nora = context.session, context.nora
    edition = list_editions_to_run(session, context.newsletter.id, 1)[0]
    if index % 10 == 0:
        publication.set_slots(session, nora, edition, 10)
    question, assignment, expert_actor = _invite_expert(context, index, edition, f"life {index}")
    answer = writing.submit(
        session,
        expert_actor,
        assignment,
        writing.AnswerContent(ANSWER(index), FIVE_HUNDRED(index), True, LINE_400(index)),
    )
    editing.edit(session, nora, answer, f"{ANSWER(index)}\n\nEdited.")
    editing.ask_check(session, nora, answer)
    editing.settle_check(session, expert_actor, answer, "wrong", FIVE_HUNDRED(index))
    editing.approve(session, nora, answer, checklist=editing.CHECKLIST, reason=LINE_400(index))
    _translate_texts(context, question, index)
    slots.pick(session, nora, question, edition)
    if index % 10 == 9 or index == QUESTION_COUNT - 1:
        locking.lock_edition(session, nora, edition)
        publication.send(session, nora, edition)
        received_editions.record_arrival(session, Mailroom(), edition, f"<{index}@steppe.example>", ALL_PAYLOADS)


def _translate_texts(context: PayloadNewsroom, question: Question, index: int) -> None:
    """Translate each text of a question into Persian, with every field filled.

    Each field has other payloads than the original: a translation that still has its words isn't approved.
    """
    session, nora = context.session, context.nora
    index += 3
    credit_fields = {
        "name": LINE_400(index),
        "credit_line": LINE_400(index),
        "relation": LINE_400(index),
        "ties": FIVE_HUNDRED(index),
    }
    for original in translating.list_originals(session, question):
        body = ANSWER(index) if original.answer else WORDING(index)
        fields = translating.TranslationFields(
            body, LINE_300(index), **credit_fields, translator=NAME_200(index), is_credited=True
        )
        translation = translating.translate(session, nora, original, "fa", fields)
        approve_as = partial(
            translating.approve,
            session,
            translation=translation,
            original=original,
            has_compared=True,
            reason=LINE_400(index),
        )
        confirm_reviewed(nora, lambda actor, approve_as=approve_as: approve_as(actor=actor))
        _invite_translator(context, original, index)


def _invite_translator(context: PayloadNewsroom, original: translating.Original, index: int) -> None:
    """Invite an outside translator for Russian. Every second one submits a translation, the others save a draft."""
    session, key = context.session, original.key
    translator = translators.invite(
        session, context.nora, original, "ru", NAME_200(index), f"someone.{index}.{key}@post.example"
    )
    fields = {"body": ANSWER(index), "headline": LINE_300(index), "translator": NAME_200(index), "is_credited": "1"}
    fields |= {
        "name": LINE_400(index),
        "credit_line": LINE_400(index),
        "relation": LINE_400(index),
        "ties": FIVE_HUNDRED(index),
    }
    translators.save_draft(session, translator, fields, "tab", 1)
    if index % 2:
        translators.hand_in(session, TranslatorActor(translator.id, translator.name), translator, fields)
    context.links.append(f"/a/{links.new_link(session, translator_id=translator.id)}/translation")


def add_correction(context: PayloadNewsroom, index: int) -> None:
    """Correct a published text, with a note that the next edition prints."""
    session = context.session
    item = session.scalars(select(EditionItem).order_by(EditionItem.id).offset(index % QUESTION_COUNT).limit(1)).one()
    text = after_sending.get_published_text(item)
    text = replace(text, answers=tuple(f"{answer}\n\nMended." for answer in text.answers))
    note = after_sending.CorrectionNote(CORRECTION_NOTE(index), CORRECTION_NOTE(index + 1), runs=True)
    confirm_reviewed(context.nora, lambda actor: after_sending.correct(session, actor, item.question, text, note))


def _invite_expert(
    context: PayloadNewsroom, index: int, edition: Edition, nonce: str
) -> tuple[Question, Assignment, ExpertActor]:
    session, nora = context.session, context.nora
    letter = _send_letter(
        context,
        receive.Submission(f"{HARMLESS_QUESTION} {index}", credit="full", name=NAME_120(index), consent="Print it."),
        nonce,
    )
    contacts.verify_credit(session, nora, letter, "by phone")
    text = {"headline": LINE_300(index), "body": WORDING(index), "background": WORDING(index + 1)}
    question = actions.open_question(session, nora, [letter], **text, language="en")
    actions.set_topics(
        session,
        nora,
        question,
        [topic.id for topic in topics.get_or_create_topics(session, nora, context.newsletter, [NAME_120(index)])],
    )
    confirm_reviewed(nora, lambda actor: wording.clear(session, actor, question, question.text_id or 0))
    brief = Brief(FIVE_HUNDRED(index), 150, LINE_400(index), LINE_400(index))
    expert = session.get_one(Expert, context.experts[index])
    assignment = confirm_reviewed(
        nora, lambda actor: assigning.assign(session, actor, question, expert, brief, edition.id)
    )
    invitations.invite(session, nora, assignment)
    return question, assignment, ExpertActor(expert.id, expert.name, assignment.id)


def leave_question_open(context: PayloadNewsroom, index: int) -> None:
    """Create an unfinished question: its expert declines, asks back, writes, or has a text in the quote check."""
    session, nora = context.session, context.nora
    edition = list_editions_to_run(session, context.newsletter.id, 1)[0]
    _question, assignment, expert_actor = _invite_expert(context, index, edition, f"stopped {index}")
    if index % 3 == 0:
        assigning.decline(session, expert_actor, assignment, "no time", message=LONG(index))
    assigning.suggest(session, expert_actor, assignment, LINE_400(index))
    if index < len(TWO_THOUSAND.texts):
        assigning.ask_back(session, expert_actor, assignment, TWO_THOUSAND(index))
    confirm_reviewed(nora, lambda actor: expert_mails.send_desk_letter(session, actor, assignment, LONG(index)))
    if index == 1:
        for tab, line in enumerate(LINE_400.texts):
            draft = writing.AnswerContent(LONG(tab), LONG(tab), credit_line=line)
            writing.save_draft(session, expert_actor, assignment, f"tab {tab}", draft, 1)
    if index % 3 == 2:
        answer = writing.submit(
            session, expert_actor, assignment, writing.AnswerContent(LONG(index), LONG(index), own_words=True)
        )
        editing.ask_check(session, nora, answer)
    context.links.append(f"/a/{links.new_link(session, assignment_id=assignment.id)}")


def add_own_wordings(context: PayloadNewsroom) -> None:
    """Create questions in a reader's own words, which need a stored reason, machine translations, and form drafts."""
    session, nora = context.session, context.nora
    for index in range(len(LINE_400.texts)):
        letter = _send_letter(context, receive.Submission(f"{HARMLESS_QUESTION} Since {index}?"), f"own {index}")
        question = actions.open_question(session, nora, [letter])
        wording.clear(session, nora, question, question.text_id or 0, LINE_400(index))
        machine_translation.queue_translation(session, nora, letter, "fa")
        row = session.scalars(select(MachineTranslation).filter_by(letter_id=letter.id)).one()
        row.sent_at = now(session)
        machine_translation.save_translation(session, row.id, [LONG(index)], None)
    for index, text in enumerate(LONG.texts):
        path = f"/desk/steppe/questions/{question.public_id}/note"
        form_drafts.save(
            session, nora, path, form_drafts.FormState([("body", text)], ["body"], f"key {index}".encode())
        )


def add_server_replies(context: PayloadNewsroom) -> None:
    """Let queued mails fail with a payload as the reply of the mail server."""
    query = select(OutboxMail).where(OutboxMail.is_queued).order_by(OutboxMail.id)
    for index, queued_mail in enumerate(context.session.scalars(query.limit(len(LINE_400.texts)))):
        outbox.move(
            context.session, Clock(), queued_mail, "fail", said=outbox.redact_reply(queued_mail, LINE_400(index))
        )


# The steps, and how often each runs: every time in a transaction of its own, since a large session slows each query.
FILL_STEPS: tuple[tuple[Callable[..., None], int], ...] = (
    (add_newsletters, 1),
    (add_people, 1),
    (add_letters, 1),
    (add_forwarded_letters, 1),
    (run_question, QUESTION_COUNT),
    (add_correction, len(CORRECTION_NOTE.texts)),
    (leave_question_open, len(LINE_400.texts)),
    (add_own_wordings, 1),
    (add_server_replies, 1),
)


def build_payload_mails() -> Iterator[bytes]:
    """Yield mails of strangers with payloads in their headers, bodies and file names."""
    for index in range(len(NAME_200.texts)):
        name, subject, body = (
            texts(index).replace("\0", "") for texts in (NAME_120, NAME_200, PayloadTexts(9_000, "\n\n"))
        )
        files = [(" ".join(NAME_60(index * 4 + number).split()), b"%PDF-") for number in range(4)]
        sender = formataddr((" ".join(name.split()), f"timur{index}@post.example"))
        yield mail(sender, subject=" ".join(subject.split()), body=body, html=f"<p>{body}</p>", attachments=files)


def fill_newsroom(database: Database, newsroom: Newsroom) -> PayloadNewsroom:
    """Run all `FILL_STEPS` and receive the mails of `build_payload_mails`."""
    vera = database.write(lambda s: hire(s, newsroom.newsletter_id, "Vera Holm", "vera@desk.example", "admin"))
    context = PayloadNewsroom(None, newsroom, vera, None)  # type: ignore[arg-type]

    def run(step: Callable[[PayloadNewsroom], None]) -> Callable[[Session], None]:
        def fill(session: Session) -> None:
            context.session, context.newsletter = session, session.get_one(Newsletter, newsroom.newsletter_id)
            step(context)

        return fill

    room = NewsletterMailroom(database, newsroom)
    for step, times in FILL_STEPS:
        for index in range(times):
            database.write(run(partial(step, index=index) if times > 1 else step))
    for raw in build_payload_mails():
        room.store_mail(raw)
    room.place_mails(limit=1_000)
    return context
