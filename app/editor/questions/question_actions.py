"""Actions on a question: shelve, close, merge, pick, join look-alikes, note, set topics, check readers' names."""

from collections.abc import Callable
from typing import NamedTuple

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ...answers import closing
from ...audit import collect_events
from ...core.actors import Staff
from ...core.domain_errors import InvalidField, InvalidTransition, MissingField, VersionConflict
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
from ...web.formatting import day
from ...web.setup import or_404
from ...workflows.letters import withdrawal
from ...workflows.letters.endings import close_question, reopen_question
from ...workflows.publishing import publication
from ...workflows.retention import open_letters
from ..conflict import check_unchanged, save_unless_changed, submitted_token
from ..form_fields import parse_day, parse_public_id
from ..frame import RequestContext, announce, editor, read_context, run_in_transaction
from ..letters.letter_look_alikes import load_look_alike
from ..question_labels import MERGE_FAULTS
from ..rejected_forms import FIELD_BY_CODE, RejectedForm, format_form_error
from ..undo_press import get_undo_token
from .question_look_alikes import JoinChoice, compare_question, find_candidates, get_join_choice
from .question_page import ADDRESS, question_action, question_page, redirect_to_question, require_question

# Keys of the version token, see `workflows/version_facts.py`.
NEWEST_EVENT = "newest"  # the id of the question's newest event: compared if no change at all may have been made
WORDING_VERSION = "label"
EDITION = "edition"
MUST_RUN_BY = "must_run_by"


class QuestionMove(NamedTuple):
    """A button without a form: its verb, and the fact that must not have changed since the page was opened.

    There is no such fact if the verb's own check of the question's state is enough.
    """

    verb: Callable[[Session, Staff, Question], None]
    unchanged_fact: str | None = None


MOVES = {
    "shelve": QuestionMove(actions.shelve, NEWEST_EVENT),
    "take": QuestionMove(closing.unshelve),
    "reopen": QuestionMove(reopen_question),
    "split": QuestionMove(actions.split),
    "show": QuestionMove(
        lambda session, actor, question: actions.show(session, actor, question, is_public=True), WORDING_VERSION
    ),
    "hide": QuestionMove(lambda session, actor, question: actions.show(session, actor, question, is_public=False)),
    "restore": QuestionMove(publication.restore),
}


@question_action(
    f"{ADDRESS}/<any({', '.join(MOVES)}):move>",
    permission={
        "reopen": "close",
        "restore": "close",
        "show": "show",
        "hide": "show",
        "": "word",
    },  # "": all other moves
)
def question_move(desk: RequestContext, question: Question, move: str) -> None:
    verb, unchanged_fact = MOVES[move]
    if unchanged_fact:
        check_unchanged(desk, question, unchanged_fact)
    verb(desk.session, desk.actor, question)


@question_action(f"{ADDRESS}/close", permission="close", message=_l("It is closed."))
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
    return get_undo_token(events)


@question_action(f"{ADDRESS}/keep-words", permission="close")
def question_keep_words(desk: RequestContext, question: Question) -> str:
    """Keep the readers' words for longer. The reason is stored as a note."""
    check_unchanged(desk, question)
    erase_on = open_letters.keep(desk.session, desk.actor, question, request.form.get("why", ""))
    return _("The readers’ words are kept until %(day)s.", day=day(erase_on))


@question_action(f"{ADDRESS}/erase-words", permission="close")
def question_erase_words(desk: RequestContext, question: Question) -> str:
    check_unchanged(desk, question)
    if open_letters.erase_now(desk.session, desk.actor, question):
        return _("The readers’ words are being erased; this takes up to an hour.")
    return _("The readers’ words are erased.")


@question_action(f"{ADDRESS}/retract", permission="close")
def question_retract(desk: RequestContext, question: Question) -> None:
    publication.retract(desk.session, desk.actor, question, request.form.get("why", ""))


@editor.action(f"{ADDRESS}/merge", permission="word")
def question_merge(slug: str, public_id: str) -> Response | tuple[str, int]:
    pasted = request.form.get("into_id", "").strip()  # an id or a page address, used instead of the select
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


@question_action(f"{ADDRESS}/pick", permission="pick")
def question_pick(desk: RequestContext, question: Question) -> None:
    edition = editions.load(desk.session, desk.actor, request.form.get("edition", ""))
    if edition is None:
        raise MissingField("edition")
    slots.pick(desk.session, desk.actor, question, edition)


@question_action(
    f"{ADDRESS}/pull", permission="pick", message=_l("It is out of its edition, and its expert is told why.")
)
def question_pull(desk: RequestContext, question: Question) -> str:
    """Take a question out of its edition at the last minute. The reason goes to its experts and is stored as a note."""
    reason = request.form.get("why", "")
    if not reason.strip():
        raise MissingField("reason")
    # If the question was carried over to another edition in between, the reason may not apply to that one.
    check_unchanged(desk, question, EDITION)
    with collect_events(desk.session) as events:
        publication.drop(desk.session, desk.actor, question, reason)
    notes.note(desk.session, desk.actor, question, reason)
    return get_undo_token(events)


@question_action(f"{ADDRESS}/must-run-by", permission="word", chapter="about")
def question_must_run_by(desk: RequestContext, question: Question) -> None:
    """Set or remove the last day on which the question is of use. The edition builder warns of it."""
    submitted_day = request.form.get("by", "").strip()
    must_run_by = parse_day(submitted_day)
    check_unchanged(desk, question, MUST_RUN_BY)
    if submitted_day and must_run_by is None:
        raise InvalidField("date_not_in_future", "by")  # the message fits a malformed day too
    actions.set_must_run_by(desk.session, desk.actor, question, must_run_by)


@question_action(f"{ADDRESS}/note", permission="word", chapter="trail", decides=False)
def question_note(desk: RequestContext, question: Question) -> None:
    notes.note(desk.session, desk.actor, question, request.form.get("note", ""))


@editor.action(f"{ADDRESS}/topics", permission="word")
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


@question_action(
    f"{ADDRESS}/askers/<letter_id>/<any(verify, unname):choice>",
    permission="check names",
    chapter="wording",
    decides=False,
)
def question_asker(desk: RequestContext, question: Question, letter_id: str, choice: str) -> None:
    """Record how a reader's name was checked, or leave the reader unnamed."""
    letter = or_404(letters.load(desk.session, desk.actor, letter_id))
    if letter.question_id not in queries.list_family_ids(desk.session, question):
        abort(404)
    if choice == "verify":
        contacts.verify_credit(desk.session, desk.actor, letter, request.form.get("how", ""))
    else:
        withdrawal.leave_unnamed(desk.session, desk.actor, letter)


@editor.action(f"{ADDRESS}/letters/<letter_id>/split", permission="word")
def question_split_letter(slug: str, public_id: str, letter_id: str) -> Response:
    """Split a letter off as a question of its own, and redirect there."""

    def fn(desk: RequestContext) -> tuple[str, str]:
        question = require_question(desk, public_id)
        letter = or_404(letters.load(desk.session, desk.actor, letter_id))
        if letter.question_id not in queries.list_family_ids(desk.session, question):
            raise VersionConflict(letter.public_id)
        actions.require_can_leave(desk.session, letter)
        with collect_events(desk.session) as events:
            new_question = actions.open_question(desk.session, desk.actor, [letter])
        return new_question.public_id, get_undo_token(events)

    try:
        new_public_id, undo_token = run_in_transaction(slug, fn)
    except actions.InEdition:
        announce(_("Nothing was done: it is picked for an edition, or ran in one."))
        return redirect_to_question(slug, public_id, "wording")
    except VersionConflict:
        announce(_("Nothing was done: the letter has been moved in the meantime."))
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


class LookAlikeResult(NamedTuple):
    """The result of joining or dismissing a look-alike."""

    public_id: str  # of the question to show
    message: str
    undo_token: str = ""


@editor.action(f"{ADDRESS}/alike", permission="word")
def question_alike(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Merge a question with its look-alike, or record that the two are not the same.

    If the look-alike answers this question and an expert has been notified, the closing form asks for a sentence first.
    """
    look_alike_key = request.form.get("pair", "")  # its noun and public id, e.g. "letter.0123456789AB"
    is_same = request.form.get("same") == "yes"

    def fn(desk: RequestContext) -> LookAlikeResult:
        question = require_question(desk, public_id)
        look_alike = load_look_alike(desk, look_alike_key)
        if look_alike is None:
            return LookAlikeResult(public_id, _("It isn’t there any more; nothing was done."))
        with collect_events(desk.session) as events:
            still_match = _record_verdict(desk, question, look_alike, is_same)
            if is_same:
                result = _join(desk, question, look_alike)
                return result._replace(undo_token=get_undo_token(events))
        if still_match:
            return LookAlikeResult(public_id, _("They are not the same: they won’t be shown as look-alikes again."))
        return LookAlikeResult(public_id, _("They don’t look alike any more: there was nothing to note."))

    try:
        result = run_in_transaction(slug, fn)
    except actions.CannotMerge as error:
        result = LookAlikeResult(public_id, _("Not merged: %(why)s.", why=MERGE_FAULTS[error.code]))
    except MissingField as error:
        action_url = url_for("editor.question_close", slug=slug, public_id=public_id)
        form_data = {"reason": "answered", "answer": look_alike_key.partition(".")[2]}
        rejected_form = RejectedForm(action_url, form_data, FIELD_BY_CODE[error.code], format_form_error(error))
        with read_context(slug) as desk:
            return question_page(desk, require_question(desk, public_id), rejected_form=rejected_form), 422
    page_url = url_for("editor.question", slug=slug, public_id=result.public_id)
    announce(result.message, undo=result.undo_token, return_url=page_url)
    return redirect(page_url, code=303)


def _record_verdict(desk: RequestContext, question: Question, look_alike: Question | Letter, is_same: bool) -> bool:
    """Record the desk's verdict on a pair, from which matching learns. Return whether the two still match.

    If they don't, nothing is recorded, since the verdict includes the score of the match.
    """
    key = ("question" if isinstance(look_alike, Question) else "letter", look_alike.id)
    comparison = compare_question(desk, question, queries.topics_of(desk.session, [question.id])[question.id])
    for match in find_candidates(desk, comparison):
        if match.key == key:
            record_verdict(
                desk.session, desk.actor, ("question", question.id), key, is_same, match.score, match.matcher
            )
            return True
    return False


def _join(desk: RequestContext, question: Question, look_alike: Question | Letter) -> LookAlikeResult:
    """Join a question with its look-alike, as `get_join_choice` says. Without a choice, try to merge the look-alike.

    Raises `CannotMerge`, `InvalidTransition` if a letter can't be joined, and `MissingField` if the question would be
    closed, and an expert has to be told with a sentence.
    """
    session, actor = desk.session, desk.actor
    choice = get_join_choice(desk, question, look_alike)
    if isinstance(look_alike, Letter):
        if choice is None or not look_alike.is_received:
            raise InvalidTransition("letter", "join", look_alike.state)
        actions.join(session, actor, question, [look_alike])
        return LookAlikeResult(question.public_id, _("The letter belongs to this question now."))
    if choice is JoinChoice.CLOSE_WITH_ANSWER:
        if closing.has_notified_expert(session, question):
            raise MissingField("sentence")
        close_question(session, actor, question, "answered", answered_by=look_alike)
        return LookAlikeResult(question.public_id, _("It is closed, and its readers are told where the answer is."))
    if choice is JoinChoice.MERGE_INTO_LOOK_ALIKE:
        closing.merge_question(session, actor, question, look_alike)
        return LookAlikeResult(look_alike.public_id, _("The two are one question now."))
    closing.merge_question(session, actor, look_alike, question)
    return LookAlikeResult(question.public_id, _("The two are one question now."))
