"""Retention preview: the letters, answers and people that will be erased next, by the rules of the settings."""

from datetime import timedelta

from flask_babel import lazy_gettext as _l

from ...web.formatting import count, day
from ...workflows.retention import erase_answers, erase_people
from ...workflows.retention import retention_preview as preview
from ..frame import editor, page, read_context
from ..letter_labels import CHANNELS

WITHIN = timedelta(days=30)
FIRST = 20  # rows listed per rule
WHICH = {
    "spam": _l("Held, or filed as spam"),
    "idle": _l("Led to nothing"),
    "closed": _l("Behind a question that was closed"),
    "ran": _l("Behind what ran"),
    "expert": _l("Letters of experts"),
}


@editor.get("/<slug>/leaving")
def leaving(slug: str) -> str:
    with read_context(slug) as desk:
        numbers = preview.count_due_by_rule(desk.session, desk.newsletter, WITHIN)
        next_ones = preview.list_leaving(desk.session, desk.newsletter, WITHIN, FIRST)
        kinds = [
            {
                "key": name,
                "which": WHICH[name],
                "number": count(number),
                "letters": [
                    (one.letter, CHANNELS[one.letter.channel], day(one.letter.received_at.date(), "short"), day(one.on))
                    for one in next_ones
                    if one.rule == name
                ],
            }
            for name, number in numbers.items()
            if number
        ]
        session, newsletter = desk.session, desk.newsletter
        return page(
            desk,
            "editor/settings/leaving.html",
            "settings",
            kinds=kinds,
            answers=erase_answers.list_due_assignments(session, newsletter, WITHIN, FIRST),
            answers_number=count(erase_answers.count_due_answers(session, newsletter, WITHIN)),
            experts=erase_people.list_due_experts(session, newsletter, WITHIN, FIRST),
            experts_number=count(erase_people.count_due_experts(session, newsletter, WITHIN)),
            colleagues=erase_people.list_due_colleagues(session, newsletter, WITHIN) if desk.may("people") else [],
            days=WITHIN.days,
        )
