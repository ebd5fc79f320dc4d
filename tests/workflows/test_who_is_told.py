"""Whom a move writes to stands in its table (`tells`): here every verb is driven, and the outbox says who was told.

Timur asks and leaves an address, Leyla is asked and has had her invitation, Nora edits and Ilya assists.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import audit
from app.answers import assigning, closing, editing, objections, translating, translators, unused_answers, writing
from app.answers.models import Answer, Assignment
from app.back_issues.printed_names import PrintedExpert
from app.back_issues.printed_qa import PrintedQA, PrintedVoice
from app.cli.commands import MACHINES
from app.core.actors import Clock, Mailroom, Reader, Staff, TranslatorActor
from app.core.state_machine import Move
from app.db.engine import Database
from app.db.session import now
from app.editions import locking, planning, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.letters import filing, mailed_letters, receipts, receive
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, me_too
from app.questions.models import Question, Translation, Translator
from app.workflows import invitations, undo
from app.workflows.back_issues import import_issues
from app.workflows.letters import endings, withdrawal
from app.workflows.newsletters import founding, pausing
from app.workflows.publishing import publication, recall, skip, translations
from app.workflows.retention import erase_letters
from tests.support.assignments import EDITED_ANSWER, TIMURS_LETTER, ExpertAssignment, ask_expert_and_send
from tests.support.sample_newsroom import Newsroom

OF_THE_HOUSE = [machine for machine in MACHINES if machine.noun not in ("mail", "inbound")]
MOVES = {f"{machine.noun}.{move.action}": move for machine in OF_THE_HOUSE for move in machine.moves}
LETTERS = {"desk": "E", "expert": "X", "translator": "T", "reader": "R"}


@dataclass(frozen=True)
class Salt:
    """Timur's question with all that hangs on it, in one session."""

    session: Session
    asked: ExpertAssignment

    @property
    def room(self) -> Newsroom:
        return self.asked.newsroom

    @property
    def newsletter(self) -> Newsletter:
        return self.session.get_one(Newsletter, self.room.newsletter_id)

    @property
    def question(self) -> Question:
        return self.session.get_one(Question, self.asked.question_id)

    @property
    def letter(self) -> Letter:
        return self.session.scalars(select(Letter).order_by(Letter.received_at, Letter.id)).all()[0]

    @property
    def get_newest_letter(self) -> Letter:
        return self.session.scalars(select(Letter).order_by(Letter.received_at.desc(), Letter.id.desc())).all()[0]

    @property
    def assignment(self) -> Assignment:
        return self.asked.assignment(self.session)

    @property
    def answer(self) -> Answer:
        return self.asked.answer(self.session)

    @property
    def edition(self) -> Edition:
        return list_editions_to_run(self.session, self.room.newsletter_id, 1)[0]


Step = Callable[[Salt], object]


def send(salt: Salt) -> None:
    writing.submit(
        salt.session, salt.room.leyla, salt.assignment, writing.AnswerContent("We put up salt plates.", own_words=True)
    )


def edit(salt: Salt) -> None:
    editing.edit(salt.session, salt.room.nora, salt.answer, EDITED_ANSWER)


def check(salt: Salt) -> None:
    editing.ask_check(salt.session, salt.room.nora, salt.answer)


def settle(salt: Salt) -> None:
    editing.settle_check(salt.session, salt.room.leyla, salt.answer, "fine")


def object_(salt: Salt) -> None:
    objections.object_to(salt.session, salt.room.leyla, salt.answer, "It was 2010.")


def approve(salt: Salt) -> None:
    session, nora = salt.session, salt.room.nora
    editing.approve(session, nora, salt.answer, checklist=editing.CHECKLIST, reason="read to her by phone")


def pick(salt: Salt) -> None:
    slots.pick(salt.session, salt.room.nora, salt.question, salt.edition)


def lock(salt: Salt) -> None:
    locking.lock_edition(salt.session, salt.room.nora, salt.edition)


def run(salt: Salt) -> None:
    publication.send(salt.session, salt.room.nora, salt.edition)


def get_edition(salt: Salt) -> Edition:
    return salt.session.get_one(Edition, salt.question.edition_id)


def close(salt: Salt) -> None:
    endings.close_question(salt.session, salt.room.nora, salt.question, "nobody", "We have it from elsewhere.")


def pause(salt: Salt) -> None:
    pausing.pause(salt.session, Clock(), salt.newsletter)


def close_down(salt: Salt) -> None:
    pausing.close(salt.session, Clock(), salt.newsletter, "The newsletter ends with this year.")


def admin(salt: Salt) -> Staff:
    return replace(salt.room.nora, role="admin")


def newest_event(salt: Salt, action: str) -> int:
    return salt.session.scalars(select(audit.Event.id).filter_by(action=action).order_by(audit.Event.id.desc())).all()[
        0
    ]


def another_newsletter(salt: Salt) -> None:
    columns = {
        name: getattr(salt.newsletter, name) for name in ("publisher", "editor", "language", "languages", "section")
    }
    columns |= {name: getattr(salt.newsletter, name) for name in ("address", "zone", "rule", "rule_start", "at")}
    founding.create_newsletter(salt.session, Clock(), columns | {"slug": "delta", "name": "The Delta Letter"}, {})


def another(salt: Salt) -> Question:
    """A question of the desk's own, which no reader asked."""
    return actions.open_question(
        salt.session, salt.room.nora, [], headline="Wind", body="Whose is the wind?", language="en"
    )


def write_in(salt: Salt, *signs: str) -> None:
    receive.send(
        salt.session, Reader(), salt.newsletter, TIMURS_LETTER, form=receive.FormToken("again", 1), signs=signs
    )


def mail_in(salt: Salt) -> None:
    salt.newsletter.acknowledges = True
    mailed = mailed_letters.MailedLetter("Who counts the plates?", "dana@post.example", now(salt.session))
    mailed_letters.take(salt.session, Mailroom(), salt.newsletter, mailed, may_acknowledge=True)


def join(salt: Salt) -> None:
    form = receive.FormToken("me too", 1)
    me_too.ask_too(salt.session, Reader(), salt.newsletter, salt.question.public_id, form)


def end(salt: Salt) -> None:
    endings.end_letter(salt.session, salt.room.nora, salt.get_newest_letter, "later")


def undo_newest(salt: Salt, action: str) -> None:
    press = salt.session.scalars(
        select(audit.Event.id).filter_by(action=action).order_by(audit.Event.id.desc())
    ).first()
    assert press is not None
    undo.undo(salt.session, salt.room.nora, [press])


def merge(salt: Salt) -> None:
    actions.merge(salt.session, salt.room.nora, another(salt), salt.question)


def get_merged(salt: Salt) -> Question:
    return salt.session.scalars(select(Question).filter_by(state="merged")).one()


def draft(salt: Salt) -> Assignment:
    expert = salt.session.get_one(Expert, salt.room.marek.expert_id)
    return assigning.assign(salt.session, salt.room.nora, salt.question, expert)


def get_drafted(salt: Salt) -> Assignment:
    return salt.session.scalars(select(Assignment).filter_by(state="drafted")).one()


def ask_marek(salt: Salt) -> None:
    """Marek is asked beside Leyla, and sends a text."""
    draft(salt)
    invitations.invite(salt.session, salt.room.nora, get_drafted(salt))
    written = writing.AnswerContent("Nobody counts the plates.", own_words=True)
    writing.submit(salt.session, salt.room.marek, mareks(salt), written)


def mareks(salt: Salt) -> Assignment:
    return salt.session.scalars(select(Assignment).filter_by(expert_id=salt.room.marek.expert_id)).one()


def import_issue(salt: Salt) -> None:
    """A back issue with an answer that is Leyla's, as somebody of the desk says."""
    qa = PrintedQA(
        date(2020, 5, 6), "en", "Ask", "Wells", "Why is the well dry?", (),
        (PrintedVoice(PrintedExpert("Leyla Aydın", "soil scientist"), ("It was never deep.",)),),
    )  # fmt: skip
    theirs = salt.session.get_one(Expert, salt.room.leyla.expert_id)
    import_issues.import_qa(salt.session, salt.room.nora, salt.room.newsletter_id, qa, [theirs])


def use(salt: Salt) -> None:
    unused_answers.reuse_answer(salt.session, salt.room.nora, mareks(salt))


def take_back_letter(salt: Salt) -> None:
    withdrawal.withdraw(salt.session, receipts.reader_of(salt.letter), salt.letter)


# The moves that a verb makes, whom it writes to, what was done before, and the verb.
def put_into_persian(s: Salt, headline: str = "Anbar") -> None:
    original = translating.list_originals(s.session, s.question)[0]
    translating.translate(
        s.session, s.room.nora, original, "fa", translating.TranslationFields("Anbar?", headline=headline)
    )


def persian(s: Salt) -> Translation:
    return s.session.scalars(select(Translation)).one()


def approve_persian(s: Salt) -> None:
    original = translating.list_originals(s.session, s.question)[0]
    translations.approve(s.session, s.room.nora, persian(s), original, compared=True)


def ask_shirin(s: Salt) -> None:
    original = translating.list_originals(s.session, s.question)[0]
    translators.invite(s.session, s.room.nora, original, "fa", "Shirin Amini", "shirin@words.example")


def shirin(s: Salt) -> tuple[Session, TranslatorActor, Translator]:
    one = s.session.scalars(select(Translator)).one()
    return s.session, TranslatorActor(one.id, one.name), one


def hand_in_persian(s: Salt) -> None:
    translators.hand_in(*shirin(s), {"headline": "Anbar", "body": "Anbar?"})


def ask_shirin_again(s: Salt) -> None:
    original = translating.list_originals(s.session, s.question)[0]
    translators.invite_again(s.session, s.room.nora, shirin(s)[2], original)


CASES: list[tuple[str, str, tuple[Step, ...], Step]] = [
    ("letter.send", "", (), write_in),
    ("letter.send", "R", (), mail_in),
    ("letter.hold", "", (write_in,), lambda s: filing.hold(s.session, s.room.ilya, s.get_newest_letter, ["flood"])),
    ("letter.release", "", (lambda s: write_in(s, "trap"),), lambda s: filing.release(s.session, s.room.ilya, s.get_newest_letter)),
    ("letter.file", "", (write_in,), lambda s: filing.file(s.session, s.room.ilya, s.get_newest_letter, "comment")),
    ("letter.join", "", (lambda s: actions.show(s.session, s.room.nora, s.question, True),), join),
    ("letter.end", "R", (write_in,), end),
    ("letter.reopen", "", (write_in, end), lambda s: endings.reopen_letter(s.session, s.room.nora, s.get_newest_letter)),
    ("letter.undo", "", (write_in, end), lambda s: undo_newest(s, "letter.end")),
    ("letter.withdraw", "EX", (), take_back_letter),
    ("letter.forget", "", (write_in,), lambda s: erase_letters.forget(s.session, s.get_newest_letter)),
    ("question.open", "", (), another),
    ("assignment.invite", "X", (draft,), lambda s: invitations.invite(s.session, s.room.nora, get_drafted(s))),
    ("question.pick", "", (send, approve), pick),
    ("question.drop", "X", (send, approve, pick), lambda s: publication.drop(s.session, s.room.nora, s.question, "Too long.")),
    ("question.publish edition.send", "RX", (send, approve, pick, lock), run),
    ("edition.send assignment.cancel answer.hold over", "RX", (send, approve, ask_marek, pick, lock), run),
    ("answer.use assignment.revive", "", (send, approve, ask_marek, pick, lock, run), use),
    ("edition.recall", "", (send, approve, pick, lock, run), lambda s: recall.recall(s.session, s.room.nora, get_edition(s))),
    ("translation.start", "", (), put_into_persian),
    ("translation.change", "", (put_into_persian,), lambda s: put_into_persian(s, "Silo")),
    ("translation.approve", "", (put_into_persian,), approve_persian),
    ("translation.reopen", "", (put_into_persian, approve_persian), lambda s: translating.reopen(s.session, s.room.nora, persian(s))),
    ("translation.drop", "", (put_into_persian, approve_persian), lambda s: translations.drop(s.session, s.room.nora, persian(s))),
    ("translator.invite", "T", (), ask_shirin),
    ("translator.invite again", "T", (ask_shirin, hand_in_persian), ask_shirin_again),
    ("translator.hand in translation.start", "E", (ask_shirin,), hand_in_persian),
    ("translator.decline", "E", (ask_shirin,), lambda s: translators.decline(*shirin(s), "No time.")),
    ("translator.withdraw", "", (ask_shirin,), lambda s: translators.withdraw(s.session, s.room.nora, shirin(s)[2])),
    ("translation.approve translator.finish", "", (ask_shirin, hand_in_persian), approve_persian),
    ("question.retract", "X", (send, approve, pick, lock, run),
     lambda s: publication.retract(s.session, s.room.nora, s.question, "For somebody's safety.")),
    ("question.restore", "X", (send, approve, pick, lock, run,
     lambda s: publication.retract(s.session, s.room.nora, s.question, "For somebody's safety.")),
     lambda s: publication.restore(s.session, s.room.nora, s.question)),
    ("question.shelve", "", (send, approve), lambda s: actions.shelve(s.session, s.room.nora, s.question)),
    ("question.take", "", (send, approve, lambda s: actions.shelve(s.session, s.room.nora, s.question)),
     lambda s: closing.unshelve(s.session, s.room.nora, s.question)),
    ("question.close assignment.cancel", "RX", (), close),
    ("question.reopen", "", (close,), lambda s: endings.reopen_question(s.session, s.room.nora, s.question)),
    ("question.merge", "", (), merge),
    ("question.split", "", (merge,), lambda s: actions.split(s.session, s.room.nora, get_merged(s))),
    ("question.undo", "", (merge,), lambda s: undo_newest(s, "question.merge")),
    ("assignment.draft", "", (), draft),
    ("assignment.accept", "", (), lambda s: assigning.accept(s.session, s.room.leyla, s.assignment)),
    ("assignment.decline", "E", (), lambda s: assigning.decline(s.session, s.room.leyla, s.assignment, "no time")),
    ("assignment.decline", "", (), lambda s: assigning.decline(s.session, s.room.nora, s.assignment, "no time")),
    ("assignment.cancel", "X", (), lambda s: assigning.cancel(s.session, s.room.nora, s.assignment, "We have it.")),
    ("assignment.return answer.return", "X", (send,),
     lambda s: editing.send_back(s.session, s.room.nora, s.answer, "Since when?", now(s.session) + timedelta(days=3))),
    ("answer.start answer.submit assignment.receive", "E", (), send),
    ("answer.take back assignment.take back", "", (send,),
     lambda s: writing.take_back(s.session, s.room.leyla, s.assignment)),
    ("answer.edit", "", (send,), edit),
    ("answer.check", "X", (send, edit), check),
    ("answer.reply", "E", (send, edit, check), settle),
    ("answer.reply", "", (send, edit, check), lambda s: editing.settle_check(s.session, s.room.nora, s.answer, "fine")),
    ("answer.object", "E", (send, edit, check, settle), object_),
    ("answer.object", "E", (send, edit, check, settle, approve), object_),
    ("answer.let stand", "X", (send, edit, check, settle, approve, object_),
     lambda s: objections.let_stand(s.session, s.room.nora, s.answer, "The plates were put up in 2009: we asked.")),
    ("answer.recall", "", (send, edit, check), lambda s: editing.recall_check(s.session, s.room.nora, s.answer)),
    ("answer.approve assignment.finish", "", (send, edit, check, settle), approve),
    ("answer.approve assignment.finish", "X", (send, edit), approve),  # what she has not seen is told
    ("answer.reopen", "", (send, approve), lambda s: editing.reopen(s.session, s.room.nora, s.answer)),
    ("answer.withdraw", "E", (send,), lambda s: editing.withdraw(s.session, s.room.leyla, s.answer, "I was wrong.")),
    ("answer.withdraw", "X", (send,), lambda s: editing.withdraw(s.session, s.room.nora, s.answer, "It ran elsewhere.")),
    ("edition.plan", "", (lambda s: setattr(s.newsletter, "rule", "FREQ=WEEKLY;BYDAY=MO"),),
     lambda s: planning.plan_newsletter(s.session, Clock(), s.newsletter)),
    ("edition.skip", "X", (send, approve, pick), lambda s: skip.skip(s.session, s.room.nora, s.edition)),
    ("edition.unskip", "", (lambda s: skip.skip(s.session, s.room.nora, s.edition),),
     lambda s: skip.unskip(s.session, s.room.nora, s.session.scalars(select(Edition).filter_by(state="skipped")).one())),
    ("edition.lock", "", (send, approve, pick), lock),
    ("newsletter.found", "", (), another_newsletter),
    ("newsletter.pause", "", (), pause),
    ("newsletter.resume", "", (pause,), lambda s: pausing.resume(s.session, Clock(), s.newsletter)),
    ("newsletter.close assignment.cancel question.rest", "X", (), close_down),
    ("newsletter.close answer.withdraw", "X", (send, edit, check), close_down),
    ("newsletter.close", "X", (send, approve), close_down),
    ("newsletter.close", "", (send, approve, pick), close_down),
    ("newsletter.undo", "", (lambda s: pausing.pause(s.session, admin(s), s.newsletter),),
     lambda s: undo.undo(s.session, admin(s), [newest_event(s, "newsletter.pause")])),
    ("edition.import question.import assignment.import answer.start answer.import", "", (), import_issue),
    ("edition.unlock", "", (send, approve, pick, lock), lambda s: withdrawal.unlock(s.session, s.room.nora, s.edition)),
]  # fmt: skip


def list_moves(made: str) -> list[str]:
    """The moves of a case, such as "answer.take back assignment.take back"."""
    return re.findall(r"\w+\.[a-z ]+?(?= \w+\.|$)", made)


def list_recipients(session: Session, last_day: int) -> set[str]:
    """Whom the mails are to that were written since; a colleague who is called in a note is called by the note."""
    kinds = session.scalars(select(OutboxMail.kind).where(OutboxMail.id > last_day, OutboxMail.kind != "desk.mention"))
    return {LETTERS[kind.partition(".")[0]] for kind in kinds}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where the database makes no difference
@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"\W+", " ", f"{case[0]} {case[1]}").strip())
def test_a_verb_writes_to_whom_its_moves_tell(
    database: Database, newsroom: Newsroom, case: tuple[str, str, tuple[Step, ...], Step]
) -> None:
    made, hearers, before, verb = case
    asked = ask_expert_and_send(database, newsroom)
    for step in before:
        database.write(lambda session, step=step: step(Salt(session, asked)))

    def drive(session: Session) -> tuple[set[str], set[str]]:
        last = session.scalar(select(func.max(OutboxMail.id))) or 0
        with audit.collect_events(session) as events:
            verb(Salt(session, asked))
            session.flush()
        return {event.action for event in events} & set(MOVES), list_recipients(session, last)

    found, heard = database.write(drive)
    assert set(list_moves(made)) <= found
    allowed = set("".join(MOVES[name].tells for name in found)) - {" "}
    assert heard <= allowed, (
        f"{sorted(found)} wrote to {sorted(heard - allowed)}, of which their tables say nothing: say so in `tells` of the "
        "move (app/*/lifecycle.py and docs/lifecycle.md), or don't write."
    )
    assert heard == set(hearers), f"{made} is to write to {sorted(hearers)} here, and wrote to {sorted(heard)}"


@pytest.mark.parametrize("name", MOVES)
def test_a_move_tells_everybody_that_its_table_says(name: str) -> None:
    move: Move = MOVES[name]
    cases = [hearers for made, hearers, _before, _verb in CASES if name in list_moves(made)]
    assert cases or not (move.act or move.tells), f"Drive {name} in CASES of this file, and say whom it writes to."
    silent = set(move.tells) - {" "} - set("".join(cases))
    assert not silent, (
        f"{name} says that it tells {sorted(silent)}, and nobody there was written to: let its verb write, or take that "
        "out of `tells` (app/*/lifecycle.py and docs/lifecycle.md)."
    )
