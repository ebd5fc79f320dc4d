"""Somebody outside is asked to translate a text: sent its words by a link, sent them again, and asked no longer."""

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers import translators
from ...core.state_machine import MissingPrecondition, TooLong, VersionConflict
from ...db.session import lock_row
from ...people.directory import BadAddress
from ...questions.models import Translator
from ..conflict import number_shown, save_unless_changed
from ..flash import announce
from ..form_values import too_long
from ..frame import RequestContext, editor, or_404, rerender, run_in_transaction
from .question_page import the_question
from .translation_page import ONE, locked_row_of, texts_page, to_texts
from .translator_standing import Asked

OF_IT = f"{ONE}/translator"
FAULTS = {
    "name": _l("A name is missing."),
    "approved original": _l("The original isn’t approved yet: that comes first."),
    "email": _l("Nothing can be sent to this address."),
}


@editor.press(OF_IT, "invite")
def translator_invite(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    name, email = request.form.get("name", ""), request.form.get("email", "")

    def fn(desk: RequestContext) -> None:
        original = locked_row_of(desk, public_id, language, key).original
        translators.invite(desk.session, desk.actor, original, language, name, email)

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, BadAddress, TooLong) as refused:
        fact = (
            refused.fact
            if isinstance(refused, MissingPrecondition)
            else "name"
            if isinstance(refused, TooLong)
            else "email"
        )
        fault = too_long(refused) if isinstance(refused, TooLong) else str(FAULTS[fact])
        asking = {fact if fact in ("name", "email") else "name": fault}
        return rerender(slug, 422, texts_page, public_id, language, key, asking=asking)
    announce(_("It is on its way to %(name)s.", name=name))
    return to_texts(slug, public_id, language, key)


def _invite_again(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    row = locked_row_of(desk, public_id, language, key)
    translators.invite_again(desk.session, desk.actor, _get_unchanged_invitation(row.asked).translator, row.original)


def _withdraw(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    lock_row(desk.session, the_question(desk, public_id))
    translators.withdraw(
        desk.session, desk.actor, _check_translator_version(_translator(desk, public_id, language, key))
    )


def _translator(desk: RequestContext, public_id: str, language: str, key: str) -> Translator:
    """Return whom the desk asked last, also for a text or into a language that no page shows any more, or 404."""
    return or_404(translators.get_newest_translators(desk.session, the_question(desk, public_id)).get((key, language)))


def _use(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    row = locked_row_of(desk, public_id, language, key)
    translators.use(desk.session, desk.actor, _get_unchanged_invitation(row.asked).translator, row.original)


def _get_unchanged_invitation(invitation: Asked | None) -> Asked:
    """Return whom the page showed, as it showed them, or 404. Raises `VersionConflict`."""
    one = or_404(invitation)
    _check_translator_version(one.translator)
    return one


def _check_translator_version(translator: Translator) -> Translator:
    if translator.version != number_shown():
        raise VersionConflict(f"translator {translator.id}")
    return translator


MOVES = {
    "again": (_invite_again, _l("The words are on their way, with a new link.")),
    "withdraw": (_withdraw, _l("The link is withdrawn: its page shows nothing any more.")),
    "use": (_use, _l("It stands here now. Read it against the original.")),
}


@editor.press(f"{OF_IT}/<any({', '.join(MOVES)}):move>", {"again": "invite", "withdraw": "invite", "use": "translate"})
def translator_move(slug: str, public_id: str, language: str, key: str, move: str) -> Response:
    verb, said = MOVES[move]

    def load(desk: RequestContext) -> Translator:
        return _translator(desk, public_id, language, key)

    save_unless_changed(slug, load, lambda desk: verb(desk, public_id, language, key))
    announce(str(said))
    return to_texts(slug, public_id, language, key)
