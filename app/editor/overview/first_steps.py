"""The first steps of a new newsletter: a checklist on the home page. Stored facts tell which steps are done.

It disappears when everything is done or somebody hides it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select
from werkzeug.wrappers import Response

from ... import audit
from ...audit import Event
from ...db.session import lock_row, now
from ...editions.models import Edition, EditionItem
from ...editions.queries import select_editions_to_run
from ...letters.models import Letter
from ...mail.models import Inbound, OutboxMail
from ...people.models import Expert, Membership
from ..frame import RequestContext, announce, editor, run_in_transaction
from ..rhythm_form import format_rhythm

LOOK = "look"  # stands for the ask page, which the step opens with a button, so that this is recorded
Facts = Mapping[str, Any]  # whether each fact is true, by name


def load_facts(desk: RequestContext) -> Facts:
    """Return which of the facts that complete a step are true for the newsletter, in one query."""
    newsletter_id = desk.newsletter.id
    # Mails with sign-in codes belong to no newsletter. They too prove that mail can be sent.
    mail_condition = or_(OutboxMail.newsletter_id == newsletter_id, OutboxMail.newsletter_id.is_(None))
    colleague_conditions = (Membership.newsletter_id == newsletter_id, Membership.person_id != desk.actor.person_id)
    columns = {
        "looked": select(Event.id)
        .where(Event.newsletter_id == newsletter_id, Event.action == "newsletter.look")
        .exists(),
        "asked": select(Letter.id).where(Letter.newsletter_id == newsletter_id, Letter.channel == "web").exists(),
        "in": select(Inbound.id).where(Inbound.newsletter_id == newsletter_id).exists(),
        "out": select(OutboxMail.id).where(mail_condition, OutboxMail.is_sent).exists(),
        "expert": select(Expert.id).exists(),
        "colleague": select(Membership.id).where(*colleague_conditions).exists(),
        "planned": select_editions_to_run(now(desk.session), newsletter_id, Edition.id).exists(),
        # Imported back issues were sent too, but not from here.
        "sent": select(EditionItem.id)
        .join(Edition)
        .where(Edition.newsletter_id == newsletter_id, Edition.is_sent, EditionItem.found_sha256.is_(None))
        .exists(),
    }
    return dict(zip(columns, desk.session.execute(select(*columns.values())).one(), strict=True))


class ChecklistStep(NamedTuple):
    """A step of the checklist."""

    label: Any
    page: str  # the path of its page below the desk, or `LOOK`
    act: str  # the permission that it needs
    done_by: tuple[str, ...]  # the facts that complete it
    describe: Callable[[RequestContext, Facts], Any]  # returns a sentence about it


def _describe_mail(desk: RequestContext, facts: Facts) -> str:
    if facts["in"] and facts["out"]:
        return _("A mail has come in, and one has gone out.")
    if facts["in"]:
        return _("A mail has come in; none has gone out yet.")
    if facts["out"]:
        return _("A mail has gone out; none has come in yet. Say where mail comes in, and write one there.")
    return _("None has come in or gone out yet. Say where mail comes in, and write one there.")


STEPS = (
    ChecklistStep(_l("Look at the ask page"), LOOK, "read", ("looked",), lambda *_: _l("It is what your readers see.")),
    ChecklistStep(
        _l("Ask a question there yourself"),
        "letters",
        "read",
        ("asked",),
        lambda *_: _l("It arrives under Letters, as your readers’ questions will."),
    ),
    ChecklistStep(_l("Connect your mail"), "settings/mail", "settings", ("in", "out"), _describe_mail),
    ChecklistStep(
        _l("Add an expert to the directory"),
        "experts",
        "directory",
        ("expert",),
        lambda *_: _l("Somebody from the field, who answers by mail and needs no account."),
    ),
    ChecklistStep(
        _l("Invite a colleague"), "people", "people", ("colleague",), lambda *_: _l("Unless you work alone.")
    ),
    ChecklistStep(
        _l("Set the rhythm"),
        "settings/dates",
        "settings",
        ("planned",),
        lambda desk, _facts: format_rhythm(desk.newsletter),
    ),
    ChecklistStep(
        _l("Send the first edition"),
        "editions",
        "edition",
        ("sent",),
        lambda *_: _l("Fill its slots, lock it, mail it as you always do, and mark it as sent."),
    ),
)


def list_first_steps(desk: RequestContext) -> list[dict[str, Any]]:
    """Return the steps that the actor may take, each with whether it is done; none if all are done, or if hidden."""
    if desk.newsletter.steps_hidden_at is not None:
        return []
    facts = load_facts(desk)
    home_url = url_for("editor.home", slug=desk.newsletter.slug)
    if all(facts[name] for step in STEPS for name in step.done_by):
        return []
    return [
        {
            "label": step.label,
            "sentence": step.describe(desk, facts),
            "href": "" if step.page == LOOK else f"{home_url}{step.page}",
            "done": all(facts[name] for name in step.done_by),
        }
        for step in STEPS
        if desk.may(step.act)
    ]


@editor.action("/<slug>/first-steps/look", permission="read")
def look_at_ask_page(slug: str) -> Response:
    """Redirect to the ask page, and record that somebody has looked at it. The page itself counts no visits."""

    def fn(desk: RequestContext) -> None:
        audit.record(desk.session, desk.actor, "newsletter.look", desk.newsletter)

    run_in_transaction(slug, fn)
    return redirect(url_for("reader.ask", slug=slug), code=303)


@editor.action("/<slug>/first-steps/<any(hide, show):which>", permission="settings")
def first_steps_put(slug: str, which: str) -> Response:
    """Hide the first steps, or show them again."""

    def fn(desk: RequestContext) -> None:
        newsletter = lock_row(desk.session, desk.newsletter)
        hide = which == "hide"
        newsletter.steps_hidden_at = now(desk.session) if hide else None
        audit.record(desk.session, desk.actor, "newsletter.hide_steps" if hide else "newsletter.show_steps", newsletter)

    run_in_transaction(slug, fn)
    if which == "hide":
        announce(
            _("The first steps are hidden."),
            href=url_for("editor.settings", slug=slug),
            label=_("Show them again in the settings"),
        )
    return redirect(url_for("editor.home", slug=slug), code=303)
