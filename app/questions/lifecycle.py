"""The state machines of questions, of their translations, and of the tasks of outside translators."""

from ..core.state_machine import Machine, Move, Precondition, StateMixin, States, requires

# is_listed: the list of all questions shows it.
# is_going: it counts as the desk's work, and may be shown to readers.
# is_in_work: the desk, experts or an editor have something to do for it, and it is in no edition yet.
# takes_answers: an expert may still be asked, and its wording may be changed.
# takes_letters: letters may be filed to it and questions merged into it. Their writers will hear what becomes of it.
# can_run: it may still run in an edition.
# is_ready: it can be picked for an edition once it has an answer.
# asks_in_turn: the worker may invite the next expert on its ladder.
# is_settled: no expert will answer it any more.
# is_in_edition: it is in an edition, so its letters can't be taken out.
# has_run: readers have seen it.
# has_ended: it will not run.
STATES = States(
    {
        "open": "is_listed is_going is_in_work takes_answers takes_letters can_run asks_in_turn",
        "seeking": "is_listed is_going is_in_work takes_answers takes_letters can_run asks_in_turn",
        "answered": "is_listed is_going is_in_work takes_answers takes_letters can_run is_ready",
        "queued": "is_listed is_going takes_letters can_run is_in_edition",
        "published": "is_listed is_settled is_in_edition has_run",
        "retracted": "is_listed is_settled is_in_edition has_run",
        "shelved": "is_listed takes_answers takes_letters can_run is_ready",
        "closed": "is_listed is_settled has_ended",
        "merged": "is_settled has_ended",
    }
)


class QuestionStates(StateMixin):
    """Properties of a question's state, for pages, verbs and queries."""

    is_open = STATES.which("is_open")
    is_seeking = STATES.which("is_seeking")
    is_answered = STATES.which("is_answered")
    is_queued = STATES.which("is_queued")
    is_published = STATES.which("is_published")
    is_retracted = STATES.which("is_retracted")
    is_shelved = STATES.which("is_shelved")
    is_merged = STATES.which("is_merged")
    is_listed = STATES.which("is_listed")
    is_going = STATES.which("is_going")
    is_in_work = STATES.which("is_in_work")
    takes_answers = STATES.which("takes_answers")
    takes_letters = STATES.which("takes_letters")
    can_run = STATES.which("can_run")
    asks_in_turn = STATES.which("asks_in_turn")
    is_ready = STATES.which("is_ready")
    is_in_edition = STATES.which("is_in_edition")
    has_run = STATES.which("has_run")
    is_settled = STATES.which("is_settled")
    has_ended = STATES.which("has_ended")


# The state that a reader's receipt shows, by the state of the question.
AS_READERS_SEE_IT = {
    "open": "read",
    "seeking": "asked",
    "answered": "answered",
    "queued": "coming",
    "published": "published",
    "retracted": "read",
    "shelved": "read",
    "closed": "ended",
    "merged": "read",
}
# The retention rule that limits how long the words of its letters are kept (workflows/retention/limits.py). Letters of
# a merged question have the limit of the question that it was merged into.
LIMITS_BY_STATE = {
    "open": "open",
    "seeking": "open",
    "answered": "open",
    "queued": "open",
    "published": "ran",
    "retracted": "ran",
    "shelved": "open",
    "closed": "closed",
    "merged": "of its lead",
}
# Why a merge is impossible, as keys of `CannotMerge` by state. No question can be merged into one that takes no
# letters, and a question without the move "merge" can't itself be merged into another.
CANNOT_TAKE_IN = {"merged": "into_merged", "closed": "into_closed", "published": "into_ran", "retracted": "into_ran"}
CANNOT_BE_MERGED = {
    "seeking": "assigned",
    "answered": "answered",
    "queued": "picked",
    "published": "ran",
    "retracted": "ran",
    "closed": "closed",
    "merged": "merged",
}

has_cleared_text = Precondition("cleared text", "text_not_cleared", lambda question: question.is_cleared)
has_unerased_text = Precondition(
    "words kept", "text_erased", lambda question: question.text is None or question.text.body is not None
)
has_slot = Precondition(
    "slot", "slot_missing", lambda question: question.edition_id is not None and question.position is not None
)

QUESTION = Machine(
    "question",
    STATES,
    (
        Move("open", (), ("open",), act="word"),
        Move("seek", ("open",), ("seeking",), after="invite", needs=(has_cleared_text,)),
        Move("rest", ("seeking",), ("open",), after="last one ends"),
        Move("answer", ("open", "seeking", "answered"), ("answered",), after="approve"),
        Move("unanswer", ("answered",), ("open", "seeking"), after="reopen"),
        Move("pick", ("answered", "shelved"), ("queued",), act="pick", needs=(has_slot,)),
        Move("drop", ("queued",), ("answered",), act="pick", after="skip, remove", tells="X"),
        Move("publish", ("queued",), ("published",), after="send", needs=(requires("published_at"),)),
        Move("import", (), ("published",), act="edition, upkeep", needs=(has_slot, requires("published_at"))),
        Move("recall", ("published",), ("queued",), after="recall"),
        Move("retract", ("published",), ("retracted",), act="close, upkeep", tells="X"),
        Move("restore", ("retracted",), ("published",), act="close", needs=(has_unerased_text,), tells="X"),
        Move("shelve", ("open", "answered"), ("shelved",), act="word"),
        Move("take", ("shelved",), ("open", "answered"), act="word"),
        Move(
            "close",
            ("open", "seeking", "answered", "shelved"),
            ("closed",),
            act="close",
            after="withdraw, forget",
            needs=(requires("closed_reason"),),
            tells="R X",
        ),
        Move("reopen", ("closed",), ("open",), act="close"),
        Move("merge", ("open", "shelved"), ("merged",), act="word", needs=(requires("merged_into_id"),)),
        Move("split", ("merged",), ("open",), act="word"),
        Move(
            "undo",
            ("open", "seeking", "answered", "shelved", "closed", "merged"),
            ("open", "seeking", "answered", "queued", "shelved", "closed"),
            act="undo",
        ),
        # Among questions that have run, only imported ones can be undone (`workflows.back_issues.undo_import`).
        Move("undo", ("published",), ("closed",), act="edition", needs=(requires("closed_reason"),)),
    ),
)

# is_written: it can be read, changed and approved.
TRANSLATION_STATES = States({"draft": "is_written", "approved": "is_written", "dropped": ""})


class TranslationStates(StateMixin):
    """Properties of a translation's state, for pages, verbs and queries."""

    is_draft = TRANSLATION_STATES.which("is_draft")
    is_approved = TRANSLATION_STATES.which("is_approved")
    is_dropped = TRANSLATION_STATES.which("is_dropped")
    is_written = TRANSLATION_STATES.which("is_written")


has_text = Precondition("words", "no_text", lambda translation: bool(translation.body))

TRANSLATION = Machine(
    "translation",
    TRANSLATION_STATES,
    (
        Move("start", (), ("draft",), act="translate, translate one", needs=(has_text,)),
        Move("change", ("draft", "dropped"), ("draft",), act="translate, translate one", needs=(has_text,)),
        Move("approve", ("draft",), ("approved",), act="approve", needs=(has_text, requires("approved_by_id"))),
        # An outdated translation doesn't run: bringing it up to date withdraws the approval.
        Move("reopen", ("approved",), ("draft",), act="approve", after="change"),
        Move("drop", ("draft",), ("dropped",), act="translate"),
        Move("drop", ("approved",), ("dropped",), act="approve"),
    ),
)

# is_open: the link shows the text, or what was handed in, and the translator's address is stored.
TRANSLATOR_STATES = States({"invited": "is_open", "handed in": "is_open", "declined": "", "withdrawn": "", "done": ""})


class TranslatorStates(StateMixin):
    """Properties of the state of a translator's task, for pages, verbs and queries."""

    is_invited = TRANSLATOR_STATES.which("is_invited")
    is_handed_in = TRANSLATOR_STATES.which("is_handed_in")
    is_declined = TRANSLATOR_STATES.which("is_declined")
    is_done = TRANSLATOR_STATES.which("is_done")
    is_open = TRANSLATOR_STATES.which("is_open")


has_address = Precondition("address", "no_email_address", lambda translator: translator.email_sealed is not None)

TRANSLATOR = Machine(
    "translator",
    TRANSLATOR_STATES,
    (
        # Both of these send text out of the newsroom, so they need an act that only editors have.
        Move("invite", (), ("invited",), act="invite", needs=(has_address,), tells="T"),
        Move("invite again", ("invited", "handed in"), ("invited",), act="invite", needs=(has_address,), tells="T"),
        Move("hand in", ("invited",), ("handed in",), act="translate one", tells="E"),
        Move("decline", ("invited",), ("declined",), act="translate one", tells="E"),
        Move("withdraw", ("invited", "handed in"), ("withdrawn",), act="invite", after="approve, close"),
        Move("finish", ("handed in",), ("done",), after="approve"),
    ),
)
