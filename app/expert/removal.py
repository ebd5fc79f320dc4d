"""The page on which experts remove themselves. Mails and pages link to it; nothing is removed before a press on it.

Everybody can read what would happen. Removal needs a sign-in, since the link of an assignment, which can be forwarded,
opens nothing but this assignment. The mailed address is the same for all, so a scanner that opens it learns nothing.
"""

from typing import Any

from flask import request, session
from flask_babel import gettext as _
from flask_login import current_user, logout_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers.expert_mails import title_of
from ..core.actors import ExpertActor
from ..crypto import signing
from ..editions import archive
from ..mail.message import REMOVAL_PATH
from ..people.directory import expert_of
from ..people.models import Expert
from ..web import errors
from ..web.setup import db
from ..workflows.retention import end_expert_work, erase_people
from .access import expert, has_expert_session, render_own_page

PURPOSE = "the form by which an expert removes themself"
GOOD_FOR = 1  # days for which a form can show that its expert is removed already


@expert.get(REMOVAL_PATH)
def removal() -> Response:
    return _render_page()


@expert.post(REMOVAL_PATH)
def remove() -> Response:
    """Remove the signed-in expert. A second press, with the session gone, shows the same page as the first one."""
    if not has_expert_session():
        return _answer_second_press(request.form.get("who", ""), request.form.get("proof", ""))
    if "sure" not in request.form:
        return _render_page(400, _("Tick this first. It can’t be undone."))
    person_id = current_user.person_id

    def fn(db_session: Session) -> bool:
        expert_row = expert_of(db_session, person_id)
        if expert_row is not None:  # a concurrent press may have come first
            actor = ExpertActor(expert_row.id, expert_row.name)
            erase_people.remove_at_own_request(db_session, actor, expert_row)
        return erase_people.keeps_account(db_session, person_id)

    keeps_account = db.write(fn)
    logout_user()
    session.clear()
    return _render_end(keeps_account)


def _render_end(keeps_account: bool) -> Response:
    return render_own_page("removed", "", signed_in=False, is_colleague=keeps_account)


def _answer_second_press(public_id: str, proof: str) -> Response:
    """Show the end again if the form was made for this expert, who is removed by now."""
    if signing.read_token(proof, PURPOSE, public_id, GOOD_FOR) is not None:
        with db.read() as db_session:
            erased = select(Expert).where(Expert.public_id == public_id, Expert.erased_at.is_not(None))
            expert_row = db_session.scalar(erased)
            if expert_row is not None:
                return _render_end(erase_people.keeps_account(db_session, expert_row.person_id))
    return errors.render_error(403, happened=_("You are no longer signed in here; nothing was removed."))


def _render_page(status: int = 200, error: str = "") -> Response:
    """Render what would happen; for a signed-in expert with their own questions and newsletters, and the button."""
    with db.read() as db_session:
        expert_row = expert_of(db_session, current_user.person_id) if has_expert_session() else None
        values: dict[str, Any] = {"expert": expert_row, "error": ""}
        if expert_row is not None:
            values |= {
                "works": [
                    (title_of(db_session, work.assignment), work.outcome)
                    for work in end_expert_work.list_open_work(db_session, expert_row)
                    if work.outcome != "drafted"  # they haven't heard of it
                ],
                "newsletters": archive.list_newsletters_of_expert(db_session, expert_row),
                "is_colleague": erase_people.keeps_account(db_session, expert_row.person_id),
                "proof": signing.create_token(PURPOSE, expert_row.public_id),
                "error": error,
            }
        name = expert_row.name if expert_row else ""
        return render_own_page("remove", name, status=status, signed_in=has_expert_session(), **values)
