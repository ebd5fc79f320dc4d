"""Other words for a mail that is held. Its secret addresses stay out of sight and find their place again."""

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.expert_mails import reword_mail
from ...core.state_machine import DomainError, InvalidTransition, MissingPrecondition, VersionConflict
from ...mail.secret_links import with_places
from ...questions.source_protection import LeakDetected
from ...text.clean import clean
from ..conflict import abort_with_conflict, find_last_save, merge_form, number_shown
from ..flash import announce
from ..frame import RequestContext, editor, page, read_context, rerender, run_in_transaction
from ..questions.form_errors import FIELDS
from .mail_words import format_mail_line, load_mail_names
from .outbox_page import message_of, the_mail

LABELS = {"subject": _l("Subject"), "body": _l("Text")}
# By the fact that is missing: what to do.
FAULTS = {
    "subject": _l("The mail needs a subject."),
    "text": _l("The mail needs a text."),
    "link": _l("Each place for a link must stand in the text, just as it was: {link}. Put it back where it belongs."),
    "a second look": _l("Readers’ own words or names stand in it. Look at them, then save it if they may be known."),
    "no contact details": FIELDS["no contact details"][1],
}


@editor.sheet("/<slug>/outbox/<public_id>/edit", "stop mails")
def mail_edit(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _form(desk, public_id)


@editor.press("/<slug>/outbox/<public_id>/edit", "stop mails")
def mail_rewrite(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = {name: clean(request.form.get(name, "")) for name in ("subject", "body")}
    version = number_shown()

    def fn(desk: RequestContext) -> None:
        one = the_mail(desk, public_id)
        reword_mail(desk.session, desk.actor, one, typed["subject"], typed["body"], version)

    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as missing:
        if missing.fact not in FAULTS:
            raise
        return rerender(slug, 422, _form, public_id, typed, missing)
    except (VersionConflict, InvalidTransition) as refused:
        with read_context(slug) as desk:
            if the_mail(desk, public_id).is_held:
                return _form(desk, public_id, typed, refused), 409
        abort_with_conflict(slug, lambda desk: the_mail(desk, public_id), refused)
    announce(_("Saved. This is how it will be mailed."))
    return redirect(url_for("editor.mail", slug=slug, public_id=public_id), code=303)


def _form(
    desk: RequestContext, public_id: str, form_data: dict[str, str] | None = None, error: DomainError | None = None
) -> str:
    """Show the form with what stands in the mail or was `form_data` and `error`, and somebody else's change beside
    it."""
    one = the_mail(desk, public_id)
    message = message_of(desk, one)
    if not one.is_held or message is None:
        raise InvalidTransition("mail", "rewrite", one.state)
    stored = {"version": one.version, "subject": message.subject, "body": with_places(message.text)}
    fact = error.fact if isinstance(error, MissingPrecondition) else ""
    first = (
        find_last_save(desk, one, "mail.rewrite") if isinstance(error, VersionConflict | InvalidTransition) else None
    )
    return page(
        desk,
        "editor/mail/edit.html",
        "outbox",
        mail=format_mail_line(desk, one, load_mail_names(desk, [one])),
        **merge_form(desk, stored, form_data, LABELS, first)._asdict(),
        labels=LABELS,
        faults={"subject" if fact == "subject" else "body": FAULTS[fact]} if fact else {},
        passages=error.passages if isinstance(error, LeakDetected) else (),
        has_link=stored["body"] != message.text,
        is_to_reader=one.letter_id is not None,
        language=message.language,
    )
