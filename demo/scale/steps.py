"""The steps of a question of the big newsletter. Each writes the same rows as the product's action of that name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.answers.editing import CHECKLIST
from app.answers.lifecycle import ANSWER, ASSIGNMENT
from app.answers.models import Answer, Assignment, Check, Draft
from app.questions.lifecycle import QUESTION
from app.text.clean import word_count
from app.text.diff import changes

from . import mails
from .life import Fate, Life

DECLINED = ("no time", "not my field", "conflict of interest", "other")
ENDED = ("later", "outside", "nobody", "personal")
BRIEFS = ("What may people expect, and what can they do themselves?", "Please say where the figures come from.", "")
OBJECTION = "It was not the ministry but the district court."
LATE = 0.1  # the share of assignments that are late


def live(life: Life, fate: Fate) -> None:
    """Take all steps of a fate, evenly distributed over the question's time, and write the rows."""
    steps = ("open", *fate.steps)
    pause = (life.until - life.began) / (len(steps) + 1)
    approved = life.began + pause * (steps.index("approve") + 1) if "approve" in steps else None
    life.take_letters(life.began + pause, approved, waits=not {"publish", "close"} & {*steps})
    for step in steps:
        life.at += pause
        STEPS[step](life)
    life.write()


def _open(life: Life) -> None:
    life.question["opened_at"] = life.at
    life.move(QUESTION, "open", life.room.assistant.ref, letters=[key for key, *_ in life.askers])
    life.word()
    life.tell("question.topics", "question", life.key)


def _clear(life: Life) -> None:
    life.text |= {"cleared_at": life.at, "cleared_by_id": life.room.editor.person_id}
    life.tell("question.clear", "question", life.key, text=life.text["id"])
    if life.book.rng.random() < 0.1:
        life.question["shown_at"] = life.at


def _draft(life: Life) -> None:
    life.keys["assignment"] = life.book.key(Assignment)
    life.assignment = {
        "expert_id": life.expert.key,
        "words": 180,
        "credit_line": life.expert.credit_line,
        "brief": life.book.rng.choice(BRIEFS),
        "for_edition_id": life.slot.edition_id if life.slot else None,
    }
    life.move(ASSIGNMENT, "draft", life.room.assistant.ref, expert=life.expert.key)


def _invite(life: Life) -> None:
    late = life.book.rng.random() < LATE
    due_at = life.until if life.slot else life.today + timedelta(days=-5 if late else life.book.rng.randrange(4, 15))
    due_at = max(due_at, life.at + timedelta(hours=2))
    life.assignment |= {"invited_at": life.at, "reply_by": life.at + (due_at - life.at) / 2, "due_at": due_at}
    life.move(ASSIGNMENT, "invite", life.room.editor.ref)
    life.move(QUESTION, "seek", life.room.editor.ref)
    life.mail(
        "expert.invitation",
        wording=life.text["body"],
        background=None,
        brief=life.assignment["brief"],
        words=180,
        reply_by=life.assignment["reply_by"],
        due_at=due_at,
        runs_on=life.slot.runs_at if life.slot else None,
        policy="facts",
        check_until=None,
        asked_others=0,
        lead_in=f"To find out more, I asked {life.expert.name}, {life.expert.credit_line}:",
        readers=len(life.askers),
    )


def _decline(life: Life) -> None:
    reason = life.book.rng.choice(DECLINED)
    later = (life.at + timedelta(days=30)).date() if reason == "no time" else None
    life.assignment |= {"decline_reason": reason, "later_on": later}
    life.move(ASSIGNMENT, "decline", f"expert:{life.expert.key}", reason=reason)
    life.move(QUESTION, "rest", f"expert:{life.expert.key}")
    _tell_desk(life, "desk.declined")


def _accept(life: Life) -> None:
    life.move(ASSIGNMENT, "accept", f"expert:{life.expert.key}")


def _save(life: Life) -> None:
    body = life.matter.answer(life.book.rng)[0]
    life.book.add(Draft, assignment_id=life.keys["assignment"], tab="page", body=body, saved_at=life.at, count=1)


def _submit(life: Life) -> None:
    expert = f"expert:{life.expert.key}"
    life.keys["answer"] = life.book.key(Answer)
    life.answer = {"assignment_id": life.keys["assignment"], "expert_id": life.expert.key}
    life.move(ANSWER, "start", expert)
    life.add_text("submitted", expert)
    life.move(ANSWER, "submit", expert, text=life.answer["text_id"])
    life.assignment["received_at"] = life.at
    life.move(ASSIGNMENT, "receive", expert)
    _tell_desk(life, "desk.answer")


def _tell_desk(life: Life, kind: str) -> None:
    mails.put(
        life.book,
        life.room,
        kind,
        life.at,
        question_id=life.key,
        assignment_id=life.keys["assignment"],
        person_id=life.room.editor.person_id,
    )


def _return(life: Life) -> None:
    life.assignment["due_at"] = life.today + timedelta(days=life.book.rng.randrange(4, 12))
    life.move(ASSIGNMENT, "return", life.room.editor.ref)
    life.move(ANSWER, "return", life.room.editor.ref)
    life.mail("expert.returned", typed="Could it be shorter?", due_at=life.assignment["due_at"])


def _edit(life: Life) -> None:
    life.add_text("edited", life.room.editor.ref)
    life.move(ANSWER, "edit", life.room.editor.ref, text=life.answer["text_id"])


def _check(life: Life) -> None:
    due_at = life.at + timedelta(hours=48)
    if life.at + (life.until - life.at) / 2 > life.today - timedelta(hours=48):  # so that no reminder is due at once
        due_at = max(due_at, life.today + timedelta(hours=life.book.rng.randrange(6, 48)))
    life.check = {
        "id": life.book.key(Check),
        "answer_id": life.keys["answer"],
        "text_id": life.answer["text_id"],
        "policy": "facts",
        "asked_at": life.at,
        "due_at": due_at,
    }
    life.move(ANSWER, "check", life.room.editor.ref, text=life.answer["text_id"])
    before, after = life.texts[-2]["body"], life.texts[-1]["body"]
    listed = [(change.before, change.after) for change in changes(before, after)] if _recent(life) else []
    life.mail(
        "expert.check",
        edits=listed,
        full_text=after,
        words_before=word_count(before),
        words_after=life.texts[-1]["words"],
        policy="facts",
        due_at=due_at,
        runs_on=life.slot.runs_at if life.slot else None,
    )


def _recent(life: Life) -> bool:
    return life.today - life.at < mails.KEPT


def _settled(outcome: str, kind: str, reply: str | None = None) -> Callable[[Life], None]:
    def settle(life: Life) -> None:
        life.check |= {"outcome": outcome, "ended_at": life.at, "reply_text": reply}
        life.move(ANSWER, "reply", f"expert:{life.expert.key}", outcome=outcome, text=life.answer["text_id"])
        _tell_desk(life, kind)

    return settle


def _approve(life: Life) -> None:
    editor = life.room.editor
    life.answer |= {
        "approved_text_id": life.answer["text_id"],
        "approved_by_id": editor.person_id,
        "checklist": sorted(CHECKLIST),
        "credit": {"name": life.expert.name, "credit_line": life.expert.credit_line, "relation": ""},
    }
    life.move(ANSWER, "approve", editor.ref, text=life.answer["text_id"])
    life.move(ASSIGNMENT, "finish", editor.ref)
    life.move(QUESTION, "answer", editor.ref)


def _withdraw(life: Life) -> None:
    expert = f"expert:{life.expert.key}"
    life.move(ANSWER, "withdraw", expert)
    life.move(ASSIGNMENT, "cancel", expert)
    life.move(QUESTION, "rest", expert)
    _tell_desk(life, "desk.withdrawn")


def _close(life: Life) -> None:
    reason, editor = life.book.rng.choice(ENDED), life.room.editor.ref
    if life.assignment:
        life.move(ASSIGNMENT, "cancel", editor)
        life.mail("expert.cancelled")
    life.question["closed_reason"] = reason
    life.move(QUESTION, "close", editor, reason=reason)


def _shelve(life: Life) -> None:
    life.move(QUESTION, "shelve", life.room.assistant.ref)


def _merge(life: Life) -> None:
    life.question["merged_into_id"] = life.lead
    life.move(QUESTION, "merge", life.room.assistant.ref, into=life.lead)


def _slot(life: Life) -> Any:
    if life.slot is None:
        raise ValueError("only what has a slot is picked")
    return life.slot


def _pick(life: Life) -> None:
    slot = _slot(life)
    life.question |= {"edition_id": slot.edition_id, "position": slot.position}
    life.move(QUESTION, "pick", life.room.editor.ref, edition=slot.edition_id)


def _publish(life: Life) -> None:
    slot = _slot(life)
    life.at = life.question["published_at"] = slot.runs_at
    life.move(QUESTION, "publish", life.room.editor.ref)
    life.mail("expert.published")
    for key, hear_back, _ in life.askers:
        if hear_back != "number":
            mails.put(life.book, life.room, "reader.news", life.at, letter_id=key, edition_id=slot.edition_id)


def _retract(life: Life) -> None:
    life.at += timedelta(hours=30)
    life.move(QUESTION, "retract", life.room.editor.ref)
    life.mail("expert.dropped")


STEPS: dict[str, Callable[[Life], None]] = {
    "open": _open,
    "clear": _clear,
    "draft": _draft,
    "invite": _invite,
    "decline": _decline,
    "accept": _accept,
    "save": _save,
    "submit": _submit,
    "return": _return,
    "edit": _edit,
    "check": _check,
    "settle": _settled("fine", "desk.fine"),
    "object": _settled("wrong", "desk.objection", OBJECTION),
    "approve": _approve,
    "withdraw": _withdraw,
    "close": _close,
    "shelve": _shelve,
    "merge": _merge,
    "pick": _pick,
    "publish": _publish,
    "retract": _retract,
}
