"""Retention preview: the letters, answers and people that will be erased next, by the rules of the settings."""

from datetime import timedelta

from flask_babel import lazy_gettext as _l

from ...db.session import get_many
from ...questions.models import Question
from ...web.formatting import count, day
from ...workflows.retention import erase_answers, erase_people, open_letters
from ...workflows.retention import retention_preview as preview
from ..frame import editor, page, read_context
from ..letter_labels import CHANNELS

PERIOD = timedelta(days=30)  # the preview lists what will be erased within this time
MAX_ROWS = 20  # per rule
MAX_QUESTIONS = 100  # open questions about whose letters the desk is asked
# By rule of `retention_preview`.
RULE_LABELS = {
    "spam": _l("Held, or filed as spam"),
    "idle": _l("Led to nothing"),
    "open": _l("Behind a question that is still open"),
    "closed": _l("Behind a question that was closed"),
    "ran": _l("Behind what ran"),
    "expert": _l("Letters of experts"),
}


@editor.get("/<slug>/leaving")
def leaving(slug: str) -> str:
    with read_context(slug) as desk:
        counts_by_rule = preview.count_due_by_rule(desk.session, desk.newsletter, PERIOD)
        leaving_letters = preview.list_leaving(desk.session, desk.newsletter, PERIOD, MAX_ROWS)
        rules = [
            {
                "key": rule,
                "which": RULE_LABELS[rule],
                "number": count(number),
                "letters": [
                    (
                        row.letter,
                        CHANNELS[row.letter.channel],
                        day(row.letter.received_at.date(), "short"),
                        day(row.erased_at),
                    )
                    for row in leaving_letters
                    if row.rule == rule
                ],
            }
            for rule, number in counts_by_rule.items()
            if number
        ]
        session, newsletter = desk.session, desk.newsletter
        announced = open_letters.list_questions(session, newsletter, MAX_QUESTIONS)
        questions = get_many(session, Question, {row.question_id for row in announced})
        return page(
            desk,
            "editor/settings/leaving.html",
            "settings",
            kinds=rules,
            questions=[(questions[row.question_id], row.letter_count, day(row.erase_on)) for row in announced],
            answers=erase_answers.list_due_assignments(session, newsletter, PERIOD, MAX_ROWS),
            answers_number=count(erase_answers.count_due_answers(session, newsletter, PERIOD)),
            experts=erase_people.list_due_experts(session, newsletter, PERIOD, MAX_ROWS),
            experts_number=count(erase_people.count_due_experts(session, newsletter, PERIOD)),
            colleagues=erase_people.list_due_colleagues(session, newsletter, PERIOD) if desk.may("people") else [],
            days=PERIOD.days,
        )
