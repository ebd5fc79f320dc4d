"""The lives of a question, the desk's wording for one to many letters; of a translation of what leaves the house; and
of what a translator outside is asked for, one text by a link. Whoever writes a translation, an editor approves it, and
until then it runs nowhere."""

from ..core.state_machine import Machine, Move, Precondition, StateMixin, States, requires

# is_listed: the list of all questions shows it. is_going: the desk counts it as its work, and readers may be shown it.
# is_in_work: the desk, experts or an editor have something to do for it, and no edition has it yet.
# takes_answers: an expert may still be asked, and its wording may be changed.
# takes_letters: a letter or a question that joins it will be told of what becomes of it.
# can_run: an edition is still to come for it. is_ready: it could be picked as it is, once it has an answer.
# asks_in_turn: the clock may invite who is next on its ladder. is_settled: no expert is heard about it any more.
# is_in_edition: an edition has it, and its letters stay. has_run: readers have seen it. has_ended: nothing comes of it.
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


# What a reader's receipt says of a question that stands there.
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
# Why a question can't be merged into one that stands there, which takes no letters, and why one that stands there can't
# be merged, as the table below has no move for it. Where there is no row the page says no more than that.
CANNOT_TAKE_IN = {"merged": "into merged", "closed": "into closed", "published": "into ran", "retracted": "into ran"}
CANNOT_BE_MERGED = {
    "seeking": "assigned",
    "answered": "answered",
    "queued": "picked",
    "published": "ran",
    "retracted": "ran",
    "closed": "closed",
    "merged": "merged",
}

cleared = Precondition("cleared text", lambda question: question.is_cleared)
kept = Precondition("words kept", lambda question: question.text is None or question.text.body is not None)
slot = Precondition("slot", lambda question: question.edition_id is not None and question.position is not None)

QUESTION = Machine(
    "question",
    STATES,
    (
        Move("open", (), ("open",), act="word"),
        Move("seek", ("open",), ("seeking",), after="invite", needs=(cleared,)),
        Move("rest", ("seeking",), ("open",), after="last one ends"),
        Move("answer", ("open", "seeking", "answered"), ("answered",), after="approve"),
        Move("unanswer", ("answered",), ("open", "seeking"), after="reopen"),
        Move("pick", ("answered", "shelved"), ("queued",), act="pick", needs=(slot,)),
        Move("drop", ("queued",), ("answered",), act="pick", after="skip", tells="X"),
        Move("publish", ("queued",), ("published",), after="send", needs=(requires("published_at"),)),
        Move("import", (), ("published",), act="edition, upkeep", needs=(slot, requires("published_at"))),
        Move("recall", ("published",), ("queued",), after="recall"),
        Move("retract", ("published",), ("retracted",), act="close, upkeep", tells="X"),
        Move("restore", ("retracted",), ("published",), act="close", needs=(kept,), tells="X"),
        Move("shelve", ("open", "answered"), ("shelved",), act="word"),
        Move("take", ("shelved",), ("open", "answered"), act="word"),
        Move(
            "close",
            ("open", "seeking", "answered", "shelved"),
            ("closed",),
            act="close",
            after="withdraw",
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
        # Of what has run only an import can be undone, by whoever may import (see `workflows.back_issues.undo_import`).
        Move("undo", ("published",), ("closed",), act="edition", needs=(requires("closed_reason"),)),
    ),
)

# is_written: its words are there to be read, changed and approved.
TRANSLATION_STATES = States({"draft": "is_written", "approved": "is_written", "dropped": ""})


class TranslationStates(StateMixin):
    """Properties of a translation's state, for pages, verbs and queries."""

    is_draft = TRANSLATION_STATES.which("is_draft")
    is_approved = TRANSLATION_STATES.which("is_approved")
    is_dropped = TRANSLATION_STATES.which("is_dropped")
    is_written = TRANSLATION_STATES.which("is_written")


words = Precondition("words", lambda translation: bool(translation.body))

TRANSLATION = Machine(
    "translation",
    TRANSLATION_STATES,
    (
        Move("start", (), ("draft",), act="translate, translate one", needs=(words,)),
        Move("change", ("draft", "dropped"), ("draft",), act="translate, translate one", needs=(words,)),
        Move("approve", ("draft",), ("approved",), act="approve", needs=(words, requires("approved_by_id"))),
        # What is out of date runs nowhere: whoever brings it up to date takes the approval back with it.
        Move("reopen", ("approved",), ("draft",), act="approve", after="change"),
        Move("drop", ("draft",), ("dropped",), act="translate"),
        Move("drop", ("approved",), ("dropped",), act="approve"),
    ),
)

# is_open: the link leads to the text, or to what was handed in, and their address is kept.
TRANSLATOR_STATES = States({"invited": "is_open", "handed in": "is_open", "declined": "", "withdrawn": "", "done": ""})


class TranslatorStates(StateMixin):
    """Properties of the state of what a translator is asked for, for pages, verbs and queries."""

    is_invited = TRANSLATOR_STATES.which("is_invited")
    is_handed_in = TRANSLATOR_STATES.which("is_handed_in")
    is_declined = TRANSLATOR_STATES.which("is_declined")
    is_done = TRANSLATOR_STATES.which("is_done")
    is_open = TRANSLATOR_STATES.which("is_open")


reached = Precondition("address", lambda translator: translator.email_sealed is not None)

TRANSLATOR = Machine(
    "translator",
    TRANSLATOR_STATES,
    (
        # Both send words out of the house: an editor presses for each.
        Move("invite", (), ("invited",), act="invite", needs=(reached,), tells="T"),
        Move("invite again", ("invited", "handed in"), ("invited",), act="invite", needs=(reached,), tells="T"),
        Move("hand in", ("invited",), ("handed in",), act="translate one", tells="E"),
        Move("decline", ("invited",), ("declined",), act="translate one", tells="E"),
        Move("withdraw", ("invited", "handed in"), ("withdrawn",), act="invite", after="approve, close"),
        Move("finish", ("handed in",), ("done",), after="approve"),
    ),
)
