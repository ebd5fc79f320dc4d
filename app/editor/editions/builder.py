"""The page of an edition: what is ready, narrowed down by its address, what stands in the slots, and how it will be
read.
"""

from collections.abc import Sequence
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...core.clock import utc_now
from ...editions import handoff, history, locking, slots
from ...editions.items import NameTrouble
from ...editions.lifecycle import EDITION
from ...editions.locking import list_lock_warnings
from ...editions.models import Edition
from ...editions.ready_questions import (
    Choice,
    QuestionFilter,
    list_expert_choices,
    list_questions_with_deadline,
    list_ready_questions,
    list_topic_choices,
    load_ready_questions,
)
from ...letters.models import Letter
from ...mail.reply_address import address_for
from ...newsletters.sending_tool import of_newsletter
from ...questions.models import Question
from ...workflows.back_issues import received_editions
from ...workflows.publishing import publication, skip
from ..conflict import list_events_since_opened, token_of
from ..frame import RequestContext, page
from ..questions.form_errors import RejectedForm
from .draft_standing import get_draft_status
from .edition_preview import preview
from .edition_words import describe_changes, describe_moved_questions, happened, line_of

# What the address may ask for, each with what it can be; topics and experts are the newsletter's own.
CHOICES = {
    "age": (("7", _l("over a week")), ("28", _l("over four weeks")), ("84", _l("over twelve weeks"))),
    "length": (("fits", _l("fits its slot")), ("long", _l("too long"))),
    "by": (("this", _l("by this edition")), ("any", _l("by any day"))),
    "source": (("answered", _l("answered")), ("shelf", _l("on the shelf"))),
}
FILTERS = ("topic", "expert", *CHOICES)
NARROWED = 4  # as many answers are looked through at a glance


def get_preserved_params() -> dict[str, Any]:
    """Return what the page's address says of filters and preview: every press and link of the page carries it on."""
    return {name: request.args[name] for name in (*FILTERS, "form", "language") if request.args.get(name)}


def builder(
    desk: RequestContext,
    edition: Edition,
    trouble: str = "",
    rejected_form: RejectedForm = RejectedForm(),  # noqa: B008 - it is frozen
) -> str:
    """The page as it stands now. `trouble` says why a press did nothing."""
    session = desk.session
    sections = slots.sections_of(session, edition)
    planned = edition.is_planned
    open_slots = slots.open_slots(sections) if planned else []
    picked = [one for each in sections for one in each.picked]
    tool = of_newsletter(session, edition.newsletter_id)
    draft = handoff.get_handed_draft(session, edition)
    seen = token_of(edition)
    items, since = was_locked = locking.get_locked_items(session, edition)
    asked = request.args.get("language", "")
    blocks, troubles, left, language = locking.preview(session, edition, asked, picked, was_locked)
    to_build = _to_build_with(desk, edition, picked, open_slots) if planned else {"ready_items": [], "picked_items": []}
    return page(
        desk,
        "editor/editions/edition.html",
        "edition",
        edition=edition,
        acts=EDITION.open_to(desk.actor, edition),
        trouble=trouble,
        rejected_form=rejected_form,
        changes_since=describe_changes(desk, edition, list_events_since_opened(desk, edition), _("You"))
        if trouble
        else [],
        version_token=seen,
        preserved_params=get_preserved_params(),
        name_problems=[_name_trouble(desk, trouble) for trouble in troubles],
        open_slots=open_slots,
        edition_sections=sections,
        items=items,
        approvals=history.approvals(session, items),
        hash_fits=history.fits_its_hash,
        edition_hash_fits=not items or history.edition_fits(session, edition, items),
        corrections=since,
        events=happened(desk, edition, history.events_of(session, edition)) if not planned else [],
        moved_notes=describe_moved_questions(skip.list_moved(session, edition)) if edition.is_skipped else [],
        can_recall=edition.sent_at is not None and utc_now() < edition.sent_at + publication.GRACE,
        most_slots=slots.MOST_SLOTS,
        reply_to=reply_address(desk, edition),
        changes=received_editions.changes(session, edition) if edition.arrived_at else [],
        **preview(desk, edition, blocks),
        # A draft is made in each Q&A's own language, whichever one is looked at here.
        **get_draft_status(desk, edition, tool, draft, locking.blocks(session, edition) if language else blocks),
        language=language,
        untranslated=left,
        **to_build,
    )


def _to_build_with(
    desk: RequestContext, edition: Edition, picked_questions: Sequence[Question], open_slots: Sequence[int]
) -> dict[str, Any]:
    """Return what only a planned edition's page needs: what could fill it, and what to know before it is locked."""
    session, newsletter = desk.session, desk.newsletter
    topics, experts = list_topic_choices(session, newsletter), list_expert_choices(session, newsletter)
    wanted, unread = _parse_filters(topics, experts, edition)
    both = load_ready_questions(
        session, newsletter, [*picked_questions, *list_ready_questions(session, newsletter, wanted)]
    )
    in_slots, found = both[: len(picked_questions)], both[len(picked_questions) :]
    later = slots.next_editions(session, edition)
    next_date = next((one.rule_date for one in later), None)
    warned = list_lock_warnings(
        session, edition, in_slots, open_slots, list_questions_with_deadline(session, newsletter.id), next_date
    )
    options = {name: list(some) for name, some in CHOICES.items()}
    options["topic"], options["expert"] = ([(one.address, one.name) for one in some] for some in (topics, experts))
    form = request.args.get("form")
    return {
        "picked_items": in_slots,
        "next_free": [
            slots.find_edition_with_room(newsletter, later, place) for place in range(len(newsletter.sections))
        ],
        "ready_items": found,
        "ready_filter": wanted,
        "ignored_filters": unread,
        "options": options,
        "filters": LABELS,
        "shows_filters": len(found) > NARROWED or not wanted.is_all,
        "all_url": url_for(
            "editor.edition", slug=newsletter.slug, public_id=edition.public_id, form=form, _anchor="ready"
        ),
        "lock_warnings": [line_of(desk, matter) for matter in warned],
        "can_lock": not any(matter.stops for matter in warned),
    }


LABELS = {
    "topic": (_l("Topic"), _l("any")),
    "expert": (_l("Expert"), _l("anybody")),
    "age": (_l("Approved"), _l("at any time")),
    "length": (_l("Length"), _l("any")),
    "by": (_l("Must run"), _l("or need not")),
    "source": (_l("Where it is"), _l("anywhere")),
}


def _parse_filters(
    topics: Sequence[Choice], experts: Sequence[Choice], edition: Edition
) -> tuple[QuestionFilter, list[str]]:
    """Return what the address asks for, and the filters in it that nothing can be made of."""
    keys: dict[str, dict[str, Any]] = {
        "topic": {one.address: one.key for one in topics},
        "expert": {one.address: one.key for one in experts},
        **{name: {value: value for value, _label in some} for name, some in CHOICES.items()},
    }
    asked = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    found: dict[str, Any] = {name: keys[name][value] for name, value in asked.items() if value in keys[name]}
    days = int(found["age"]) if "age" in found else None
    length, by, source = (found.get(name, "") for name in ("length", "by", "source"))
    wanted = QuestionFilter(found.get("topic"), found.get("expert"), days, length, by, source, edition.rule_date)
    return wanted, [str(LABELS[name][0]) for name in asked if name not in found]


def reply_address(desk: RequestContext, edition: Edition) -> str:
    """Return where replies to this edition's mail should go, so that each is known to be one; "" where no mail comes
    in.
    """
    inbox = desk.newsletter.inbox
    if not inbox or edition.is_skipped:
        return ""
    return address_for(inbox, received_editions.reply_token(desk.session, edition))


def _name_trouble(desk: RequestContext, trouble: NameTrouble) -> dict[str, Any]:
    """Return whose name may not be printed: the letter that holds it, and the question where the check can be noted."""
    return {
        "headline": trouble.headline,
        "fault": trouble.fault,
        "letter": desk.session.get_one(Letter, trouble.letter_id).public_id,
        "question": desk.session.get_one(Question, trouble.question_id).public_id,
    }
