"""A newsroom in whose every field stands every payload, put there by the product's own verbs, by mail and by its forms.

`FILL_STEPS` fills each column of text that somebody can type into.
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
from app.people import directory, expert_pages, links, staff, uploads
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

NEUTRAL = "Who measures the salt in the orchards, and can a village ask for the figures?"
SENTENCES = (
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
    """Whether it is something by which somebody could be reached: no wording takes that."""
    return any(True for _detail in find_contact_details(payload))


def has_braces(payload: str) -> bool:
    """Whether it holds a place to fill, which house sentences refuse."""
    return "{" in payload or "}" in payload


class PayloadTexts:
    """All payloads, or those that a field takes, in texts of a length; one after the other, and from the start again."""

    def __init__(self, longest: int, between: str = " ", but: Callable[[str], bool] = lambda _one: False) -> None:
        self.texts = pack_payloads(longest, between, [one for one in PAYLOADS if not but(one)])

    def __call__(self, at: int) -> str:
        return self.texts[at % len(self.texts)]


LONG, TWO_THOUSAND, FIVE_HUNDRED = PayloadTexts(3_900, "\n\n"), PayloadTexts(1_950, "\n\n"), PayloadTexts(490, "\n\n")
LINE_400, LINE_300, NAME_200, NAME_120, NAME_60 = (
    PayloadTexts(400),
    PayloadTexts(300, but=has_contact_details),
    PayloadTexts(200),
    PayloadTexts(120),
    PayloadTexts(60),
)
WORDING = PayloadTexts(700, "\n\n", but=has_contact_details)  # in a wording
CORRECTION_NOTE = PayloadTexts(590, but=has_contact_details)  # in a correction
HOUSE_SENTENCE = {
    size: PayloadTexts(size, "\n\n", but=has_braces) for size in (150, 1_800)
}  # in a sentence of the house
ANSWER = PayloadTexts(1_200, "\n\n")  # what is edited is compared word by word, which takes its time
QUESTIONS = len(NAME_120.texts)  # questions that ran, each with a name beside it
EVERYTHING = "\n\n".join(PAYLOADS)
TOPICS = [one for one in PAYLOADS if not set(one) & set(",;|\n\r") and len(one) <= 60]


def confirm_looked(actor: Staff, act: Callable[[Staff], Any]) -> Any:
    """Press as somebody who confirms to have looked at what the page shows of the readers' words."""
    try:
        return act(actor)
    except LeakDetected as leaking:
        return act(replace(actor, reviewed_passages=frozenset(leaking.passages)))


@dataclass
class PayloadNewsroom:
    """Whom the steps work as, and what the test looks up later."""

    session: Session
    newsroom: Newsroom
    vera: Staff
    newsletter: Newsletter
    experts: list[int] = field(default_factory=list)  # keys
    receipts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def nora(self) -> Staff:
        return self.newsroom.nora


def add_newsletters(house: PayloadNewsroom) -> None:
    """A newsletter for each text of a name, with it in all that its settings, sentences, mails and topics say."""
    session, steppe = house.session, house.newsletter
    same = {column.key for column in Newsletter.__table__.columns} - {"id", "public_id", "version", "state", "state_at"}
    columns = {name: getattr(steppe, name) for name in same}
    for at in range(len(NAME_200.texts)):
        made = founding.create_newsletter(
            session, house.vera, columns | {"slug": f"letter-{at}", "inbox": f"ask{at}@steppe.example"}, {}
        )
        actor = replace(house.vera, newsletter_id=made.id)
        directory.give_role(session, Clock(), session.get_one(Person, house.nora.person_id), made.id, "editor")
        lines = dict.fromkeys(("name", "publisher", "editor", "section"), NAME_200(at))
        note = f"Uzbekistan, 2026-10-12\nen: {' '.join(NAME_200(at).split())}"
        settings.change(
            session,
            actor,
            made,
            **lines,
            dek=LINE_400(at),
            imprint=LINE_400(at),
            call=HOUSE_SENTENCE[1_800](at),
            notes=note,
        )
        _sentences(session, actor, made, at)
        for number in range(at, len(NAME_60.texts), len(NAME_200.texts)):
            registering.add(session, actor, "webhook", NAME_60(number), "https://hooks.example/")
        topics.get_or_create_topics(session, house.nora, made, [NAME_120(at), NAME_120(at + len(NAME_200.texts))])


def _sentences(session: Session, actor: Staff, newsletter: Newsletter, at: int) -> None:
    texts = {kind: f"{HOUSE_SENTENCE[1_800](at)} {REQUIRED_PLACEHOLDERS.get(kind, '')}" for kind in SENTENCES}
    settings.save_house_sentences(session, actor, newsletter, "en", texts)
    for kind in mail_texts.REWORDABLE_KINDS:
        parts = mail_texts.parts_of(kind)
        filled = {
            name: f"{HOUSE_SENTENCE[150 if name == 'subject' else 1_800](at)} {' '.join(f'{{{place}}}' for place in part.required)}"
            for name, part in parts.items()
        }
        mail_texts.save_custom_texts(session, actor, newsletter, "en", kind, filled)


def add_people(house: PayloadNewsroom) -> None:
    """Experts, those of a file, staff, and who is only invited."""
    session, nora, vera = house.session, house.nora, house.vera
    for at in range(QUESTIONS):
        profile = {"title": NAME_200(at), "organisation": NAME_200(at), "place": NAME_200(at), "credit_line": LINE_400(at),
                   "relation": LINE_400(at), "bio": LONG(at), "ties": LONG(at), "topics": list(islice(TOPICS, at * 9, at * 9 + 9)),
                   "described_as": LINE_400(at // 2) if at % 2 else ""}  # fmt: skip
        read, _wrong = read_form(PROFILE, profile | {"topics": ", ".join(profile["topics"])})  # as the door reads them
        expert = directory.record_expert(session, nora, NAME_200(at), f"expert{at}@field.example", **read)
        directory.verify_expert(session, nora, expert, LINE_400(at))
        if not expert.described_as:
            expert_pages.give_consent(session, nora, expert, house.newsletter.id, LINE_400(at // 2))
        house.experts.append(expert.id)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["Name", "E-mail", "Title", "About them"])
    writer.writerows(
        [NAME_200(at), f"filed{at}@field.example", NAME_200(at), LONG(at)] for at in range(len(NAME_200.texts))
    )
    uploads.keep(session, vera, sheet.getvalue().encode())
    for at in range(len(NAME_200.texts)):
        hire(session, house.newsletter.id, NAME_200(at), f"staff{at}@desk.example", "assistant")
        staff.invite(session, vera, NAME_200(at), NAME_200(at), f"invited{at}@desk.example", "assistant")
    for at in range(len(NAME_60.texts)):
        row = {"kind": "passkey", "credential": f"key {at}".encode(), "public_key": b"key", "made_at": now(session)}
        session.add(Factor(person_id=nora.person_id, name=" ".join(NAME_60(at).split()), **row))


def add_letters(house: PayloadNewsroom) -> None:
    """Letters of readers who say all they can, with what the desk and they write at the receipt."""
    session, nora = house.session, house.nora
    for at in range(QUESTIONS):
        ask = receive.Submission(f"Why? {TWO_THOUSAND(at)[:1_990]}", LONG(at), "en", "while", f"timur{at}@post.example", "full",
                          NAME_120(at), NAME_120(at + 1), LONG(at))  # fmt: skip
        letter = _sent(house, ask, f"letter {at}")
        contacts.verify_credit(session, nora, letter, LINE_400(at))
        receipts.add(session, receipts.reader_of(letter), letter, TWO_THOUSAND(at))
        receipt_notes.leave_note(session, nora, letter, FIVE_HUNDRED(at))
        if at % 2:
            receipt_notes.answer_note(session, receipts.reader_of(letter), letter, TWO_THOUSAND(at + 1))
            question = actions.open_question(session, nora, [letter])
            notes.note(session, nora, question, LONG(at // 2))
        house.receipts.append(
            receive.receipt_of(session, receive.FormToken(f"letter {at}", get_keyring(session).newest))
        )


def add_forwarded_letters(house: PayloadNewsroom) -> None:
    """Letters that somebody of the desk forwarded, with a word of their own."""
    for at, text in enumerate(LONG.texts):
        mailed = mailed_letters.MailedLetter(f"{NEUTRAL} {at}", "", now(house.session), comment=text)
        mailed_letters.take(house.session, Mailroom(), house.newsletter, mailed)


def _sent(house: PayloadNewsroom, ask: receive.Submission, nonce: str) -> Letter:
    letter = receive.send(
        house.session, Reader(), house.newsletter, ask, form=receive.FormToken(nonce, get_keyring(house.session).newest)
    )
    if letter.is_held:
        filing.release(house.session, house.nora, letter)
    return letter


def run_question(house: PayloadNewsroom, at: int) -> None:
    """A question from the letter to the edition; each tenth edition of them is sent."""
    session, nora = house.session, house.nora
    edition = list_editions_to_run(session, house.newsletter.id, 1)[0]
    if at % 10 == 0:
        publication.set_slots(session, nora, edition, 10)
    question, assignment, who = _asked(house, at, edition, f"life {at}")
    answer = writing.submit(
        session, who, assignment, writing.AnswerContent(ANSWER(at), FIVE_HUNDRED(at), True, LINE_400(at))
    )
    editing.edit(session, nora, answer, f"{ANSWER(at)}\n\nEdited.")
    editing.ask_check(session, nora, answer)
    editing.settle_check(session, who, answer, "wrong", FIVE_HUNDRED(at))
    editing.approve(session, nora, answer, checklist=editing.CHECKLIST, reason=LINE_400(at))
    _translated(house, question, at)
    slots.pick(session, nora, question, edition)
    if at % 10 == 9 or at == QUESTIONS - 1:
        locking.lock_edition(session, nora, edition)
        publication.send(session, nora, edition)
        received_editions.record_arrival(session, Mailroom(), edition, f"<{at}@steppe.example>", EVERYTHING)


def _translated(house: PayloadNewsroom, question: Question, at: int) -> None:
    """Each of its texts in Persian, as far as a field may be typed in."""
    session, nora = house.session, house.nora
    said = {"name": LINE_400(at), "credit_line": LINE_400(at), "relation": LINE_400(at), "ties": FIVE_HUNDRED(at)}
    for original in translating.list_originals(session, question):
        body = ANSWER(at) if original.answer else WORDING(at)
        words = translating.TranslationFields(body, LINE_300(at), **said, translator=NAME_200(at), is_credited=True)
        one = translating.translate(session, nora, original, "fa", words)
        press = partial(
            translating.approve, session, translation=one, original=original, has_compared=True, reason=LINE_400(at)
        )
        confirm_looked(nora, lambda actor, press=press: press(actor=actor))
        _asked_outside(house, original, at)


def _asked_outside(house: PayloadNewsroom, original: translating.Original, at: int) -> None:
    """Somebody outside is asked for it in Russian too; they hand it in, or stay at it."""
    session, key = house.session, original.key
    one = translators.invite(session, house.nora, original, "ru", NAME_200(at), f"someone.{at}.{key}@post.example")
    typed = {"body": ANSWER(at), "headline": LINE_300(at), "translator": NAME_200(at), "is_credited": "1"}
    typed |= {"name": LINE_400(at), "credit_line": LINE_400(at), "relation": LINE_400(at), "ties": FIVE_HUNDRED(at)}
    translators.save_draft(session, one, typed, "tab", 1)
    if at % 2:
        translators.hand_in(session, TranslatorActor(one.id, one.name), one, typed)
    house.links.append(f"/a/{links.new_link(session, translator_id=one.id)}/translation")


def add_correction(house: PayloadNewsroom, at: int) -> None:
    """What ran is corrected, with a note that the next edition carries."""
    session = house.session
    item = session.scalars(select(EditionItem).order_by(EditionItem.id).offset(at % QUESTIONS).limit(1)).one()
    words = after_sending.get_published_text(item)
    words = replace(words, answers=tuple(f"{answer}\n\nMended." for answer in words.answers))
    note = after_sending.CorrectionNote(CORRECTION_NOTE(at), CORRECTION_NOTE(at + 1), runs=True)
    confirm_looked(house.nora, lambda actor: after_sending.correct(session, actor, item.question, words, note))


def _asked(house: PayloadNewsroom, at: int, edition: Edition, nonce: str) -> tuple[Question, Assignment, ExpertActor]:
    session, nora = house.session, house.nora
    letter = _sent(
        house, receive.Submission(f"{NEUTRAL} {at}", credit="full", name=NAME_120(at), consent="Print it."), nonce
    )
    contacts.verify_credit(session, nora, letter, "by phone")
    text = {"headline": LINE_300(at), "body": WORDING(at), "background": WORDING(at + 1)}
    question = actions.open_question(session, nora, [letter], **text, language="en")
    actions.set_topics(
        session,
        nora,
        question,
        [one.id for one in topics.get_or_create_topics(session, nora, house.newsletter, [NAME_120(at)])],
    )
    confirm_looked(nora, lambda actor: wording.clear(session, actor, question, question.text_id or 0))
    brief = Brief(FIVE_HUNDRED(at), 150, LINE_400(at), LINE_400(at))
    expert = session.get_one(Expert, house.experts[at])
    assignment = confirm_looked(
        nora, lambda actor: assigning.assign(session, actor, question, expert, brief, edition.id)
    )
    invitations.invite(session, nora, assignment)
    return question, assignment, ExpertActor(expert.id, expert.name, assignment.id)


def stop_question(house: PayloadNewsroom, at: int) -> None:
    """One whose expert says no and names another, who asks back, who types, or whose text is being checked."""
    session, nora = house.session, house.nora
    edition = list_editions_to_run(session, house.newsletter.id, 1)[0]
    _question, assignment, who = _asked(house, at, edition, f"stopped {at}")
    if at % 3 == 0:
        assigning.decline(session, who, assignment, "no time", message=LONG(at))
    assigning.suggest(session, who, assignment, LINE_400(at))
    if at < len(TWO_THOUSAND.texts):
        assigning.ask_back(session, who, assignment, TWO_THOUSAND(at))
    confirm_looked(nora, lambda actor: expert_mails.send_desk_letter(session, actor, assignment, LONG(at)))
    if at == 1:
        for tab, line in enumerate(LINE_400.texts):
            typed = writing.AnswerContent(LONG(tab), LONG(tab), credit_line=line)
            writing.save_draft(session, who, assignment, f"tab {tab}", typed, 1)
    if at % 3 == 2:
        answer = writing.submit(session, who, assignment, writing.AnswerContent(LONG(at), LONG(at), own_words=True))
        editing.ask_check(session, nora, answer)
    house.links.append(f"/a/{links.new_link(session, assignment_id=assignment.id)}")


def add_own_wordings(house: PayloadNewsroom) -> None:
    """Wordings that stay a reader's, for a reason that is kept; and what is typed and not sent."""
    session, nora = house.session, house.nora
    for at in range(len(LINE_400.texts)):
        letter = _sent(house, receive.Submission(f"{NEUTRAL} Since {at}?"), f"own {at}")
        question = actions.open_question(session, nora, [letter])
        wording.clear(session, nora, question, question.text_id or 0, LINE_400(at))
        machine_translation.queue_translation(session, nora, letter, "fa")
        row = session.scalars(select(MachineTranslation).filter_by(letter_id=letter.id)).one()
        row.sent_at = now(session)
        machine_translation.save_translation(session, row.id, [LONG(at)], None)
    for at, text in enumerate(LONG.texts):
        path = f"/desk/steppe/questions/{question.public_id}/note"
        form_drafts.save(session, nora, path, form_drafts.FormState([("body", text)], ["body"], f"key {at}".encode()))


def add_server_replies(house: PayloadNewsroom) -> None:
    """What servers of others say when they refuse a mail."""
    waiting = select(OutboxMail).where(OutboxMail.is_queued).order_by(OutboxMail.id)
    for at, one in enumerate(house.session.scalars(waiting.limit(len(LINE_400.texts)))):
        outbox.move(house.session, Clock(), one, "fail", said=outbox.redact_reply(one, LINE_400(at)))


# The steps, and how often each is done: a transaction a time, since what is under way makes each look-up slower.
FILL_STEPS: tuple[tuple[Callable[..., None], int], ...] = (
    (add_newsletters, 1),
    (add_people, 1),
    (add_letters, 1),
    (add_forwarded_letters, 1),
    (run_question, QUESTIONS),
    (add_correction, len(CORRECTION_NOTE.texts)),
    (stop_question, len(LINE_400.texts)),
    (add_own_wordings, 1),
    (add_server_replies, 1),
)


def hostile_mails() -> Iterator[bytes]:
    """Mails of strangers, with payloads in all that a mail says of itself."""
    for at in range(len(NAME_200.texts)):
        name, subject, body = (one(at).replace("\0", "") for one in (NAME_120, NAME_200, PayloadTexts(9_000, "\n\n")))
        files = [(" ".join(NAME_60(at * 4 + number).split()), b"%PDF-") for number in range(4)]
        sender = formataddr((" ".join(name.split()), f"timur{at}@post.example"))
        yield mail(sender, subject=" ".join(subject.split()), body=body, html=f"<p>{body}</p>", attachments=files)


def fill_newsroom(database: Database, newsroom: Newsroom) -> PayloadNewsroom:
    """Fill the newsroom, a transaction a step."""
    vera = database.write(lambda s: hire(s, newsroom.newsletter_id, "Vera Holm", "vera@desk.example", "admin"))
    house = PayloadNewsroom(None, newsroom, vera, None)  # type: ignore[arg-type]

    def run(step: Callable[[PayloadNewsroom], None]) -> Callable[[Session], None]:
        def fn(session: Session) -> None:
            house.session, house.newsletter = session, session.get_one(Newsletter, newsroom.newsletter_id)
            step(house)

        return fn

    room = NewsletterMailroom(database, newsroom)
    for step, times in FILL_STEPS:
        for at in range(times):
            database.write(run(partial(step, at=at) if times > 1 else step))
    for raw in hostile_mails():
        room.store_mail(raw)
    room.place_mails(limit=1_000)
    return house
