"""Actions on a question: shelve, close, merge, pick, join look-alikes, note, set topics, check readers' names."""

from collections.abc import Callable

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ...answers import closing
from ...audit import collect_events
from ...core.actors import Staff
from ...core.domain_errors import InvalidField, InvalidTransition, MissingField, MissingPrecondition, VersionConflict
from ...db.session import lock_row
from ...editions import queries as editions
from ...editions import slots
from ...letters import contacts
from ...letters import queries as letters
from ...letters.models import Letter
from ...newsletters import topics
from ...questions import actions, notes, queries
from ...questions.models import Question
from ...search.verdicts import record_verdict
from ...web.setup import or_404
from ...workflows.letters import withdrawal
from ...workflows.letters.endings import close_question, reopen_question
from ...workflows.publishing import publication
from ..conflict import check_unchanged, save_unless_changed, submitted_token
from ..form_fields import parse_day, parse_public_id
from ..frame import RequestContext, announce, editor, read_context, run_in_transaction
from ..letters.letter_look_alikes import load_look_alike
from ..question_labels import MERGE_FAULTS
from ..rejected_forms import FIELD_BY_CODE, RejectedForm, format_form_error
from ..undo_press import get_undo_token
from .question_look_alikes import compare_question, find_candidates, get_act
from .question_page import ADDRESS, question_page, question_press, redirect_to_question, require_question

# The verb, and the fact that must be unchanged since the page was opened: "newest" is any change to the question,
# "label" its wording. "" is for moves that need only the state from which they start, e.g. back from the shelf.
MOVES: dict[str, tuple[Callable[[Session, Staff, Question], None], str]] = {
    "shelve": (actions.shelve, "newest"),
    "take": (closing.unshelve, ""),
    "reopen": (reopen_question, ""),
    "split": (actions.split, ""),
    "show": (lambda session, actor, question: actions.show(session, actor, question, True), "label"),
    "hide": (lambda session, actor, question: actions.show(session, actor, question, False), ""),
    "restore": (publication.restore, ""),
}


@question_press(
    f"{ADDRESS}/<any({', '.join(MOVES)}):move>",
    {"": "word", "reopen": "close", "restore": "close", "show": "show", "hide": "show"},
)
def question_move(desk: RequestContext, question: Question, move: str) -> None:
    verb, required_fact = MOVES[move]
    if required_fact:
        check_unchanged(desk, question, required_fact)
    verb(desk.session, desk.actor, question)


@question_press(f"{ADDRESS}/close", "close", message=_l("It is closed."))
def question_close(desk: RequestContext, question: Question) -> str:
    """Close a question with a reason, which its readers are told.

    Raises `MissingField` if an expert has been notified and there is no sentence to them.
    """
    reason, sentence, answer_id = (request.form.get(name, "") for name in ("reason", "sentence", "answer"))
    check_unchanged(desk, question)
    if not sentence.strip() and closing.has_notified_expert(desk.session, question):
        raise MissingField("sentence")
    answering_question = None
    if answer_id and reason == "answered":
        answering_question = or_404(queries.load(desk.session, desk.actor, answer_id))
        if not answering_question.is_published:
            raise VersionConflict(answering_question.public_id)
    with collect_events(desk.session) as events:
        close_question(desk.session, desk.actor, question, reason, sentence, answering_question)
        desk.session.flush()
    return get_undo_token(events)


@question_press(f"{ADDRESS}/retract", "close")
def question_retract(desk: RequestContext, question: Question) -> None:
    publication.retract(desk.session, desk.actor, question, request.form.get("why", ""))


@editor.press(f"{ADDRESS}/merge", "word")
def question_merge(slug: str, public_id: str) -> Response | tuple[str, int]:
    pasted = request.form.get("into_id", "").strip()  # an id or a page address; takes precedence over the select
    target_id = parse_public_id(pasted or request.form.get("into", ""))

    def fn(desk: RequestContext) -> str:
        question = require_question(desk, public_id)
        target = queries.load(desk.session, desk.actor, target_id)
        if target is None:
            raise actions.CannotMerge("elsewhere")
        check_unchanged(desk, question)
        with collect_events(desk.session) as events:
            closing.merge_question(desk.session, desk.actor, question, target)
        return get_undo_token(events)

    try:
        undo_token = save_unless_changed(slug, lambda desk: require_question(desk, public_id), fn)
    except actions.CannotMerge as error:
        announce(_("Not merged: %(why)s.", why=MERGE_FAULTS[error.code]))
        return redirect_to_question(slug, public_id)
    response = redirect_to_question(slug, target_id)
    announce(_("The two are one question now."), undo=undo_token, return_url=response.location)
    return response


@question_press(f"{ADDRESS}/pick", "pick")
def question_pick(desk: RequestContext, question: Question) -> None:
    edition = editions.load(desk.session, desk.actor, request.form.get("edition", ""))
    if edition is None:
        raise MissingField("edition")
    slots.pick(desk.session, desk.actor, question, edition)


@question_press(f"{ADDRESS}/pull", "pick", message=_l("It is out of its edition, and its expert is told why."))
def question_pull(desk: RequestContext, question: Question) -> str:
    """Take a question out of its edition at the last minute. The reason goes to its experts and is stored as a note."""
    reason = request.form.get("why", "")
    if not reason.strip():
        raise MissingField("reason")
    # If it was carried over in between, the reason may not apply to the other edition.
    check_unchanged(desk, question, "edition")
    with collect_events(desk.session) as events:
        publication.drop(desk.session, desk.actor, question, reason)
        desk.session.flush()
    notes.note(desk.session, desk.actor, question, reason)
    return get_undo_token(events)


@question_press(f"{ADDRESS}/must-run-by", "word", chapter="about")
def question_must_run_by(desk: RequestContext, question: Question) -> None:
    """Set or remove the last day on which the question is of use. The edition builder warns of it."""
    typed = request.form.get("by", "").strip()
    by = parse_day(typed)
    check_unchanged(desk, question, "must_run_by")
    if typed and by is None:
        raise InvalidField("date_not_in_future", "by")
    actions.set_must_run_by(desk.session, desk.actor, question, by)


@question_press(f"{ADDRESS}/note", "word", chapter="trail", decides=False)
def question_note(desk: RequestContext, question: Question) -> None:
    notes.note(desk.session, desk.actor, question, request.form.get("note", ""))


@editor.press(f"{ADDRESS}/topics", "word")
def question_topics(slug: str, public_id: str) -> Response:
    """Set the topics: the selected and the typed ones, and those added by others since the page was opened."""
    ticked = request.form.getlist("topic")
    typed = request.form.get("more", "").replace("،", ",").split(",")  # the Arabic comma separates names too
    shown_names = submitted_token().get("topics", ())

    def fn(desk: RequestContext) -> None:
        question = lock_row(desk.session, require_question(desk, public_id))
        current_topics = queries.topics_of(desk.session, [question.id])[question.id]
        added_meanwhile = [topic.name for topic in current_topics if topic.name not in shown_names]
        names = [*ticked, *added_meanwhile, *typed]
        chosen = topics.get_or_create_topics(desk.session, desk.actor, desk.newsletter, names)
        actions.set_topics(desk.session, desk.actor, question, [topic.id for topic in chosen])

    run_in_transaction(slug, fn)
    return redirect_to_question(slug, public_id, "about")


@question_press(
    f"{ADDRESS}/askers/<letter_id>/<any(verify, unname):act>", "check names", chapter="wording", decides=False
)
def question_asker(desk: RequestContext, question: Question, letter_id: str, act: str) -> None:
    """Record how a reader's name was checked, or remove it."""
    letter = or_404(letters.load(desk.session, desk.actor, letter_id))
    if letter.question_id not in queries.list_family_ids(desk.session, question):
        abort(404)
    if act == "verify":
        contacts.verify_credit(desk.session, desk.actor, letter, request.form.get("how", ""))
    else:
        withdrawal.leave_unnamed(desk.session, desk.actor, letter)


@editor.press(f"{ADDRESS}/letters/<letter_id>/split", "word")
def question_letter(slug: str, public_id: str, letter_id: str) -> Response:
    """Split off a letter as a question of its own, and redirect there."""

    def fn(desk: RequestContext) -> tuple[str, str]:
        question = require_question(desk, public_id)
        letter = or_404(letters.load(desk.session, desk.actor, letter_id))
        if letter.question_id not in queries.list_family_ids(desk.session, question):
            raise VersionConflict(letter.public_id)
        actions.require_can_leave(desk.session, letter)
        with collect_events(desk.session) as events:
            new_question = actions.open_question(desk.session, desk.actor, [letter])
            desk.session.flush()
        return new_question.public_id, get_undo_token(events)

    try:
        new_public_id, undo_token = run_in_transaction(slug, fn)
    except actions.InEdition:
        announce(_("Nothing was done: it is picked for an edition, or ran in one."))
        return redirect_to_question(slug, public_id, "wording")
    except VersionConflict:
        announce(_("Nothing was done: the letter stands elsewhere by now."))
        return redirect_to_question(slug, public_id, "wording")
    back = url_for("editor.question", slug=slug, public_id=public_id)
    announce(
        _("The letter asks a question of its own now."),
        href=back,
        label=_("Back to the other"),
        undo=undo_token,
        return_url=back,
    )
    return redirect_to_question(slug, new_public_id)


@editor.press("/<slug>/questions/<public_id>/alike", "word")
def question_alike(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Merge a question with its look-alike, or record that the two are not the same.

    If the look-alike answers this question and an expert has been notified, the closing form asks for a sentence first.
    """
    pair = request.form.get("pair", "")  # the look-alike, as noun and public id with a dot between
    is_same = request.form.get("same") == "yes"

    def fn(desk: RequestContext) -> tuple[str, str, str]:
        question = require_question(desk, public_id)
        look_alike = load_look_alike(desk, pair)
        if look_alike is None:
            return public_id, _("It isn’t there any more; nothing was done."), ""
        with collect_events(desk.session) as events:
            _record_verdict(desk, question, look_alike, is_same)
            if not is_same:
                return public_id, _("They are not the same: they won’t be shown to each other again."), ""
            target_id, message = _join(desk, question, look_alike)
            desk.session.flush()
        return target_id, message, get_undo_token(events)

    try:
        target_id, message, undo_token = run_in_transaction(slug, fn)
    except actions.CannotMerge as error:
        target_id, message, undo_token = public_id, _("Not merged: %(why)s.", why=MERGE_FAULTS[error.code]), ""
    except MissingPrecondition as error:
        action_url = url_for("editor.question_close", slug=slug, public_id=public_id)
        form_data = {"reason": "answered", "answer": pair.partition(".")[2]}
        rejected_form = RejectedForm(action_url, form_data, FIELD_BY_CODE[error.code], format_form_error(error))
        with read_context(slug) as desk:
            return question_page(desk, require_question(desk, public_id), rejected_form=rejected_form), 422
    page_url = url_for("editor.question", slug=slug, public_id=target_id)
    announce(message, undo=undo_token, return_url=page_url)
    return redirect(page_url, code=303)


def _record_verdict(desk: RequestContext, question: Question, look_alike: Question | Letter, is_same: bool) -> None:
    """Record the desk's verdict on a pair and its similarity, from which matching learns."""
    key = ("question" if isinstance(look_alike, Question) else "letter", look_alike.id)
    comparison = compare_question(desk, question, queries.topics_of(desk.session, [question.id])[question.id])
    for match in find_candidates(desk, comparison):
        if match.key == key:
            record_verdict(
                desk.session, desk.actor, ("question", question.id), key, is_same, match.score, match.matcher
            )
            return


def _join(desk: RequestContext, question: Question, look_alike: Question | Letter) -> tuple[str, str]:
    """Join the two. Return the public id of the question to show, and a message.

    Raises `CannotMerge`, `InvalidTransition`, and `MissingField` if the closing needs a sentence to an expert.
    """
    session, actor = desk.session, desk.actor
    act = get_act(desk, question, look_alike)
    if isinstance(look_alike, Letter):
        if not act or not look_alike.is_received:
            raise InvalidTransition("letter", "join", look_alike.state)
        actions.join(session, actor, question, [look_alike])
        return question.public_id, _("The letter stands behind this question now.")
    if act == "end":
        if closing.has_notified_expert(session, question):
            raise MissingField("sentence")
        close_question(session, actor, question, "answered", answer=look_alike)
        return question.public_id, _("It is closed, and its readers are told where the answer stands.")
    if act == "give":
        closing.merge_question(session, actor, question, look_alike)
        return look_alike.public_id, _("The two are one question now.")
    closing.merge_question(session, actor, look_alike, question)
    return question.public_id, _("The two are one question now.")
