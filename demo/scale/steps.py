"""The steps of a question of The Long Road. Each leaves the same rows as the product's action of that name."""

from collections.abc import Callable
from datetime import timedelta

from app.answers.editing import CHECKLIST
from app.answers.lifecycle import ANSWER, ASSIGNMENT
from app.answers.models import Answer, Assignment, Check, Draft
from app.questions.lifecycle import QUESTION
from app.text.clean import word_count
from app.text.diff import changes

from .mail_rows import add_mail
from .question_builder import QuestionBuilder
from .scenarios import Scenario

DECLINE_REASONS = ("no time", "not my field", "conflict of interest", "other")
CLOSE_REASONS = ("later", "outside", "nobody", "personal")
BRIEFS = ("What may people expect, and what can they do themselves?", "Please say where the figures come from.", "")
OBJECTION = "It was not the ministry but the district court."
LATE_SHARE = 0.1  # the share of assignments that are late
SHOWN_SHARE = 0.1  # the share of cleared questions that are shown before they are answered


def build_question(builder: QuestionBuilder, scenario: Scenario) -> None:
    """Take all steps of a scenario, evenly distributed over the question's time, and write the rows."""
    steps = ("open", *scenario.steps)
    interval = (builder.ends_at - builder.started_at) / (len(steps) + 1)
    opened_at = builder.started_at + interval
    approved_at = builder.started_at + interval * (steps.index("approve") + 1) if "approve" in steps else None
    is_waiting = "publish" not in steps and "close" not in steps
    builder.add_letters(opened_at, approved_at, is_waiting)
    for step in steps:
        builder.time += interval
        STEPS[step](builder)
    builder.write()


def _open(builder: QuestionBuilder) -> None:
    builder.question["opened_at"] = builder.time
    builder.move(QUESTION, "open", builder.desk.assistant.ref, letters=[asker.letter_id for asker in builder.askers])
    builder.add_wording()
    builder.record_event("question.topics")


def _clear(builder: QuestionBuilder) -> None:
    builder.text |= {"cleared_at": builder.time, "cleared_by_id": builder.desk.editor.person_id}
    builder.record_event("question.clear", text=builder.text["id"])
    if builder.writer.rng.random() < SHOWN_SHARE:
        builder.question["shown_at"] = builder.time


def _draft(builder: QuestionBuilder) -> None:
    builder.keys["assignment"] = builder.writer.next_key(Assignment)
    builder.assignment = {
        "expert_id": builder.expert.key,
        "words": 180,
        "credit_line": builder.expert.credit_line,
        "brief": builder.writer.rng.choice(BRIEFS),
        "for_edition_id": builder.slot.edition_id if builder.slot else None,
    }
    builder.move(ASSIGNMENT, "draft", builder.desk.assistant.ref, expert=builder.expert.key)


def _invite(builder: QuestionBuilder) -> None:
    rng = builder.writer.rng
    is_late = rng.random() < LATE_SHARE
    if builder.slot:
        due_at = builder.ends_at
    elif is_late:
        due_at = builder.today - timedelta(days=5)
    else:
        due_at = builder.today + timedelta(days=rng.randrange(4, 15))
    due_at = max(due_at, builder.time + timedelta(hours=2))
    builder.assignment |= {
        "invited_at": builder.time,
        "reply_by": builder.time + (due_at - builder.time) / 2,
        "due_at": due_at,
    }
    builder.move(ASSIGNMENT, "invite", builder.desk.editor.ref)
    builder.move(QUESTION, "seek", builder.desk.editor.ref)
    builder.mail_expert(
        "expert.invitation",
        wording=builder.text["body"],
        background=None,
        brief=builder.assignment["brief"],
        words=180,
        reply_by=builder.assignment["reply_by"],
        due_at=due_at,
        runs_on=builder.slot.runs_at if builder.slot else None,
        policy="facts",
        check_until=None,
        asked_others=0,
        lead_in=f"To find out more, I asked {builder.expert.name}, {builder.expert.credit_line}:",
    )


def _decline(builder: QuestionBuilder) -> None:
    reason = builder.writer.rng.choice(DECLINE_REASONS)
    later_on = (builder.time + timedelta(days=30)).date() if reason == "no time" else None
    builder.assignment |= {"decline_reason": reason, "later_on": later_on}
    builder.move(ASSIGNMENT, "decline", builder.expert_actor, reason=reason)
    builder.move(QUESTION, "rest", builder.expert_actor)
    builder.mail_desk("desk.declined")


def _accept(builder: QuestionBuilder) -> None:
    builder.move(ASSIGNMENT, "accept", builder.expert_actor)


def _save(builder: QuestionBuilder) -> None:
    body = builder.subject.write_answer(builder.writer.rng)[0]
    builder.writer.add(
        Draft, assignment_id=builder.keys["assignment"], tab="page", body=body, saved_at=builder.time, count=1
    )


def _submit(builder: QuestionBuilder) -> None:
    builder.keys["answer"] = builder.writer.next_key(Answer)
    builder.answer = {"assignment_id": builder.keys["assignment"], "expert_id": builder.expert.key}
    builder.move(ANSWER, "start", builder.expert_actor)
    builder.add_answer_text("submitted", builder.expert_actor)
    builder.move(ANSWER, "submit", builder.expert_actor, text=builder.answer["text_id"])
    builder.assignment["received_at"] = builder.time
    builder.move(ASSIGNMENT, "receive", builder.expert_actor)
    builder.mail_desk("desk.answer")


def _return(builder: QuestionBuilder) -> None:
    builder.assignment["due_at"] = builder.today + timedelta(days=builder.writer.rng.randrange(4, 12))
    builder.move(ASSIGNMENT, "return", builder.desk.editor.ref)
    builder.move(ANSWER, "return", builder.desk.editor.ref)
    builder.mail_expert("expert.returned", typed="Could it be shorter?", due_at=builder.assignment["due_at"])


def _edit(builder: QuestionBuilder) -> None:
    builder.add_answer_text("edited", builder.desk.editor.ref)
    builder.move(ANSWER, "edit", builder.desk.editor.ref, text=builder.answer["text_id"])


def _check(builder: QuestionBuilder) -> None:
    due_at = builder.time + timedelta(hours=48)
    halfway = builder.time + (builder.ends_at - builder.time) / 2
    if halfway > builder.today - timedelta(hours=48):  # so that no reminder is due as soon as the demo starts
        due_at = max(due_at, builder.today + timedelta(hours=builder.writer.rng.randrange(6, 48)))
    builder.check = {
        "id": builder.writer.next_key(Check),
        "answer_id": builder.keys["answer"],
        "text_id": builder.answer["text_id"],
        "policy": "facts",
        "asked_at": builder.time,
        "due_at": due_at,
    }
    builder.move(ANSWER, "check", builder.desk.editor.ref, text=builder.answer["text_id"])
    submitted, edited = builder.answer_texts[-2], builder.answer_texts[-1]
    edits: list[tuple[str, str]] = []
    if builder.is_mail_content_kept:  # finding the changes is slow
        edits = [(change.before, change.after) for change in changes(submitted["body"], edited["body"])]
    builder.mail_expert(
        "expert.check",
        edits=edits,
        full_text=edited["body"],
        words_before=word_count(submitted["body"]),
        words_after=edited["words"],
        policy="facts",
        due_at=due_at,
        runs_on=builder.slot.runs_at if builder.slot else None,
    )


def _settle(builder: QuestionBuilder) -> None:
    _end_check(builder, "fine", "desk.fine", None)


def _object(builder: QuestionBuilder) -> None:
    _end_check(builder, "wrong", "desk.objection", OBJECTION)


def _end_check(builder: QuestionBuilder, outcome: str, mail_kind: str, reply: str | None) -> None:
    builder.check |= {"outcome": outcome, "ended_at": builder.time, "reply_text": reply}
    builder.move(ANSWER, "reply", builder.expert_actor, outcome=outcome, text=builder.answer["text_id"])
    builder.mail_desk(mail_kind)


def _approve(builder: QuestionBuilder) -> None:
    editor = builder.desk.editor
    builder.answer |= {
        "approved_text_id": builder.answer["text_id"],
        "approved_by_id": editor.person_id,
        "checklist": sorted(CHECKLIST),
        "credit": {"name": builder.expert.name, "credit_line": builder.expert.credit_line, "relation": ""},
    }
    builder.move(ANSWER, "approve", editor.ref, text=builder.answer["text_id"])
    builder.move(ASSIGNMENT, "finish", editor.ref)
    builder.move(QUESTION, "answer", editor.ref)


def _withdraw(builder: QuestionBuilder) -> None:
    builder.move(ANSWER, "withdraw", builder.expert_actor)
    builder.move(ASSIGNMENT, "cancel", builder.expert_actor)
    builder.move(QUESTION, "rest", builder.expert_actor)
    builder.mail_desk("desk.withdrawn")


def _close(builder: QuestionBuilder) -> None:
    reason, editor = builder.writer.rng.choice(CLOSE_REASONS), builder.desk.editor.ref
    if builder.assignment:
        builder.move(ASSIGNMENT, "cancel", editor)
        builder.mail_expert("expert.cancelled")
    builder.question["closed_reason"] = reason
    builder.move(QUESTION, "close", editor, reason=reason)


def _shelve(builder: QuestionBuilder) -> None:
    builder.move(QUESTION, "shelve", builder.desk.assistant.ref)


def _merge(builder: QuestionBuilder) -> None:
    builder.question["merged_into_id"] = builder.merge_target
    builder.move(QUESTION, "merge", builder.desk.assistant.ref, into=builder.merge_target)


def _pick(builder: QuestionBuilder) -> None:
    slot = builder.require_slot()
    builder.question |= {"edition_id": slot.edition_id, "position": slot.position}
    builder.move(QUESTION, "pick", builder.desk.editor.ref, edition=slot.edition_id)


def _publish(builder: QuestionBuilder) -> None:
    slot = builder.require_slot()
    builder.time = builder.question["published_at"] = slot.runs_at
    builder.move(QUESTION, "publish", builder.desk.editor.ref)
    builder.mail_expert("expert.published")
    for asker in builder.askers:
        if asker.hear_back != "number":
            add_mail(
                builder.writer,
                builder.desk,
                "reader.news",
                builder.time,
                letter_id=asker.letter_id,
                edition_id=slot.edition_id,
            )


def _retract(builder: QuestionBuilder) -> None:
    builder.time += timedelta(hours=30)
    builder.move(QUESTION, "retract", builder.desk.editor.ref)
    builder.mail_expert("expert.dropped")


STEPS: dict[str, Callable[[QuestionBuilder], None]] = {
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
    "settle": _settle,
    "object": _object,
    "approve": _approve,
    "withdraw": _withdraw,
    "close": _close,
    "shelve": _shelve,
    "merge": _merge,
    "pick": _pick,
    "publish": _publish,
    "retract": _retract,
}
