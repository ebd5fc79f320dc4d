"""Labels for letters, shared by the desk's pages: channels, kinds, states, filters, endings and form faults."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ..core.clock import utc_now
from ..letters.blurred_time import keeps_only_day
from ..letters.lifecycle import STATES
from ..letters.spam_filter import SIGNS
from ..web.formatting import age, exact, full_date

# By channel of letters that somebody at the desk wrote down.
CHANNELS_BY_HAND = {"event": _l("Event"), "phone": _l("Phone"), "messenger": _l("Messenger"), "paper": _l("Paper")}
CHANNELS = {"web": _l("Web"), "mail": _l("Mail"), "api": _l("Another form")} | CHANNELS_BY_HAND
CHANNELS["pen"] = _l("Mail, sender not proven")  # a mail of the holding pen of which the desk made a letter
# By `filed_as` of a reader's or an expert's letter.
FILED = (
    {"question": _l("Question"), "comment": _l("Comment"), "tip": _l("Tip"), "unsubscribe": _l("Unsubscribe")}
    | {"spam": _l("Spam"), "answer": _l("Answer"), "cannot": _l("Can’t"), "later": _l("Later"), "fine": _l("Fine")}
    | {"wrong": _l("Something is wrong"), "yes": _l("Yes, run it"), "question back": _l("Asks back")}
)
# Button labels for filing a mail. Mails of robots are filed as spam.
BY_MAIL = {**FILED, "spam": _l("Spam or a robot")}
# Button labels for filing an expert's mail. "comment" is for anything else: reminders to the expert go on after it.
REPLIES = {kind: BY_MAIL[kind] for kind in ("answer", "fine", "yes", "wrong", "question back", "comment", "spam")}
REPLIES |= {"answer": _l("It is the answer"), "comment": _l("Just a comment")}
CHECK_REPLIES = {"facts": ("fine", "wrong"), "approve": ("yes", "wrong")}  # by the policy of the open check
# By code of the sign for which a letter is held.
HELD = {sign.code: _l(sign.label) for sign in SIGNS}
# By state: the mark in the list, the CSS class of the row, and the label.
ROW_LOOKS = {
    "received": ("new", "new", _l("New")),
    "held": ("wait", "held", _l("Held")),
    "filed": ("none", "seen", _l("Settled")),
    "ended": ("none", "seen", _l("Settled")),
    "withdrawn": ("none", "seen", _l("Settled")),
}
# By state, for letters among look-alikes and search results.
LETTER_STATE_LABELS = {
    "received": _l("To file"),
    "held": _l("Held"),
    "filed": _l("Filed"),
    "ended": _l("Ended"),
    "withdrawn": _l("Taken back"),
}
# By value of ?state=: the label, and the states of letters.
FILTERS = {
    "waiting": (_l("To file"), STATES.which("waits")),
    "new": (_l("New"), STATES.which("is_received")),
    "held": (_l("Held"), STATES.which("is_held")),
    "filed": (_l("Filed"), STATES.which("is_filed")),
    "ended": (_l("Ended"), STATES.which("is_ended")),
    "all": (_l("All"), STATES.which("is_listed")),
}
# The value of ?state= that shows held letters.
ONLY_HELD = next(name for name, (_label, states) in FILTERS.items() if states == STATES.which("is_held"))
# By `hear_back`: how a reader hears what becomes of the letter.
HEAR_BACK_LABELS = {
    "number": _l("From the receipt alone"),
    "once": _l("One mail, then the address is erased"),
    "while": _l("By mail while we work on it, then the address is erased"),
    "nothing": _l("From the newsletter alone"),
}
# By key of `letters.filing.ENDINGS`.
END_REASONS = {
    "later": _l("Good, but not for the coming editions"),
    "answered": _l("Already answered"),
    "outside": _l("Outside what we cover"),
    "nobody": _l("We found nobody who can answer"),
    "personal": _l("One person’s own case"),
    "read": _l("Read, nothing more to do"),
}
# By field and code of a fault of `letters.receive`.
FAULTS = {
    ("body", "empty"): _l("Write down the question"),
    ("body", "short"): _l("A question has at least two words or eight letters"),
    ("body", "long"): _l("A question has 2,000 characters at most"),
    ("background", "long"): _l("The background has 4,000 characters at most"),
    ("email", "empty"): _l("Add the address to write to, or choose that they hear nothing"),
    ("email", "bad"): _l("This isn’t a valid e-mail address"),
    ("name", "empty"): _l("Add the name, or choose not to name them"),
    ("name", "long"): _l("A name has 120 characters at most"),
    ("place", "empty"): _l("Add the place, or choose another way to name them"),
    ("place", "long"): _l("A place has 120 characters at most"),
    ("channel", "unknown"): _l("Say how it came"),
    ("given_on", "bad"): _l("Give the day as a date that isn’t in the future"),
}


def received_age(received_at: datetime) -> str:
    """Format the age of a letter: "12 mins", or in whole days and "today" if only its day is stored."""
    if not keeps_only_day(received_at):
        return age(received_at)
    days = (utc_now().date() - received_at.date()).days
    return age(utc_now() - timedelta(days=days)) if days else _("today")


def received_exact(received_at: datetime) -> str:
    """Format the exact time of a letter, or the day if no more is stored."""
    return full_date(received_at.date()) if keeps_only_day(received_at) else exact(received_at)
