"""Names of the places of mail that came in, and the reasons why each has its place."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

# The places with their tabs, in the order of the page.
PLACES = {
    "pen": _l("Holding pen"),
    "failed": _l("Could not be read"),
    "automatic": _l("From robots"),
    "bounce": _l("Came back"),
    "spam": _l("Spam"),
    "duplicate": _l("Duplicates"),
    "edition": _l("Editions"),
}
# What stands at a place, as its page says when it is empty.
NOTHING = {
    "pen": _l(
        "Nothing is held. A mail waits here when it answers an expert’s invitation and nobody can be sure that the "
        "expert wrote it, or when nobody can tell what it is about."
    ),
    "failed": _l("Every mail could be read. One that can’t is kept here as it came, and can be tried again."),
    "automatic": _l("No robot has written. Absence notes, receipts and lists stand here; nobody answers them."),
    "bounce": _l("No mail of yours has come back from another server."),
    "spam": _l("No mail is filed as spam."),
    "duplicate": _l("No mail came twice. Where one does, the second stands here."),
    "edition": _l("No edition has come in. Put the desk’s address on the newsletter’s own list, and each one will."),
}
# Where a mail is that stands under no tab.
ELSEWHERE = {
    "stored": _l("It is being read at this moment. Open it again in a minute."),
    "letter": _l("It is a letter now."),
}


class Reason(NamedTuple):
    """The reason why a mail has its place: in two or three words for the list, and in a sentence."""

    short: Any
    sentence: Any


REASONS = {
    # Whom it is for.
    "answers our mail without its token": (
        _l("Another way back"),
        _l("It answers a mail of ours to an expert, but came to another address than the one in that mail."),
    ),
    "answers our mail to a translator": (
        _l("A translator’s answer"),
        _l("It answers a mail of ours to a translator outside. What they translate they hand in by their link."),
    ),
    "an expert's address": (
        _l("Expert’s address"),
        _l("It says that it comes from an expert who was asked something, and it answers none of our mails."),
    ),
    "unknown token": (_l("Unknown address"), _l("It was sent to a reply address that we never gave out.")),
    "several tokens": (_l("Several addresses"), _l("It was sent to the reply addresses of several invitations.")),
    "revoked token": (
        _l("Ended address"),
        _l("It was sent to a reply address that was ended, by sending a new link for example."),
    ),
    "expired token": (_l("Ended address"), _l("It was sent to a reply address whose time is over.")),
    "token in Cc": (
        _l("Only in Cc"),
        _l("The reply address stands only in a copy, so the mail may be meant for somebody else."),
    ),
    "cancelled": (_l("No longer asked"), _l("This expert isn’t asked any more.")),
    "no address of the expert": (_l("No known address"), _l("We know no address of this expert to compare it with.")),
    "newsletter closed": (
        _l("Newsletter closed"),
        _l("The newsletter is closed: what readers mail becomes no letter by itself any more."),
    ),
    # Of a mail that somebody of the desk forwarded.
    "forwarded by a stranger": (
        _l("Not from the desk"),
        _l("It was sent to the address for forwarding, and not from the address of somebody of this desk."),
    ),
    "no forward": (
        _l("Nothing forwarded"),
        _l("It was sent to the address for forwarding, and no forwarded mail can be found in it."),
    ),
    "no author": (_l("No author"), _l("Who wrote the forwarded mail doesn’t stand in it with one address.")),
    "two forwards": (
        _l("Several mails"),
        _l("More than one mail is in it, or one that was forwarded before: nobody can be sure who wrote which words."),
    ),
    "own words mixed": (
        _l("Words mixed"),
        _l("Words stand below or between those of the forwarded mail, and may be those of whoever forwarded it."),
    ),
    "forwarded from the desk": (
        _l("From the house"),
        _l("The author of the forwarded mail is somebody of this desk, or the newsletter itself."),
    ),
    "no words": (_l("No words"), _l("There are no words in it.")),
    "to nobody here": (_l("To nobody here"), _l("It was sent to an address that is no newsletter’s of this house.")),
    "return path": (_l("To the return path"), _l("It was sent to an address that only servers write to.")),
    "test mail": (_l("Test mail"), _l("Whoever looks after this site has tested the mail; this came of it.")),
    "spam filter": (_l("Spam filter"), _l("The mail server’s filter takes it for spam.")),
    "same content": (_l("Came twice"), _l("The very same mail came before.")),
    "our edition": (_l("An edition"), _l("It is an edition of this newsletter, as its subscribers get it.")),
    "permanent": (_l("Not delivered"), _l("The other server will not deliver our mail.")),
    "delayed": (_l("Delayed"), _l("The other server still tries to deliver our mail. Nothing is to be done.")),
    "unclear": (_l("Came back"), _l("A server reports on a mail, and doesn’t say clearly what became of it.")),
    "unknown mail": (_l("Not of ours"), _l("The mail that it reports on isn’t known here.")),
    "ours": (_l("Our own mail"), _l("It is our own mail: a list or a forwarder sent it back to us.")),
    "could not be placed": (
        _l("Reading failed"),
        _l("Something went wrong each time it was read. It is kept as it came."),
    ),
    # Whether it is from whom it says.
    "other sender": (_l("Other address"), _l("It came from another address than the one that we wrote to.")),
    "not checked": (_l("Sender not checked"), _l("No mail server has checked that the sender is who it says.")),
    "failed": (_l("Sender check failed"), _l("The mail server checked the sender, and the check failed.")),
    "not aligned": (
        _l("Sender check failed"),
        _l("What the mail server could check belongs to another house than the sender’s address."),
    ),
    "results disagree": (_l("Checks disagree"), _l("The checks of the sender contradict each other.")),
    "unreadable results": (_l("Checks unreadable"), _l("The checks of the sender can’t be read.")),
    "forged or foreign results": (
        _l("Foreign checks"),
        _l("The mail brings checks of its sender that may be somebody else’s, not our server’s. They don’t count."),
    ),
    "partly signed": (_l("Partly signed"), _l("The signature covers only a part of the mail.")),
    "could not be looked up": (_l("Sender not checked"), _l("The sender’s signature couldn’t be looked up.")),
    "two senders": (_l("Two senders"), _l("It names more than one sender.")),
    "unreadable sender": (_l("Unreadable sender"), _l("Its sender can’t be read as one address.")),
    "broken headers": (_l("Broken headers"), _l("Its headers are broken, so its sender can’t be trusted.")),
    "dmarc": (_l("Sender checks out"), _l("The mail server says that the sender is who it says.")),
    "dkim": (_l("Sender checks out"), _l("The sender’s house has signed it.")),
    "spf": (_l("Sender checks out"), _l("It came from a server that may send for the sender’s house.")),
    "signature": (_l("Sender checks out"), _l("Its signature was looked up and is the sender’s house’s.")),
    # Whether a machine wrote it.
    "auto-submitted": (_l("Automatic"), _l("It says of itself that a machine sent it.")),
    "precedence": (_l("Bulk mail"), _l("It says of itself that it is bulk mail.")),
    "vacation": (_l("Absence note"), _l("A mail program sent it while its owner is away.")),
    "away": (_l("Absence note"), _l("Its subject is that of an absence note.")),
    "machine": (_l("Automatic"), _l("A program on a server wrote it.")),
    "ticket desk": (_l("Ticket desk"), _l("A ticket system wrote it.")),
    "list": (_l("Mailing list"), _l("It came through a mailing list.")),
    "mailbox rule": (_l("Mailbox rule"), _l("A rule in somebody’s mailbox made it.")),
    "read receipt": (_l("Read receipt"), _l("It only says that a mail was opened.")),
    "no-reply address": (_l("No-reply address"), _l("Its sender’s address takes no answers.")),
    "null return path": (_l("No return address"), _l("It has no address to return to, as only machines’ mails have.")),
    "mail server": (_l("Mail server"), _l("A mail server wrote it.")),
    "failed recipients": (_l("Not delivered"), _l("It names a receiver whom a mail of ours didn’t reach.")),
    "delivery report": (_l("Not delivered"), _l("It is another server’s report on a mail of ours.")),
    "complaint": (_l("Complaint"), _l("Somebody marked a mail of ours as unwanted.")),
    "own message": (_l("Our own mail"), _l("It is a mail of ours that came back to us.")),
    "own address": (_l("Our own mail"), _l("It says that it comes from our own address.")),
    # What could not be read.
    "bytes": (_l("Too large"), _l("It is larger than what is read. It is kept whole.")),
    "parts": (_l("Too many parts"), _l("It has more parts than are read.")),
    "depth": (_l("Too deep"), _l("Its parts are nested deeper than is read.")),
    "time": (_l("Took too long"), _l("Reading it took too long and was stopped.")),
    "broken": (_l("Broken"), _l("It is put together wrongly, and parts of it may be missing here.")),
    "charset": (_l("Unknown letters"), _l("Some of its letters couldn’t be read for certain.")),
    "winmail": (_l("winmail.dat"), _l("Outlook has packed something into it that only Outlook opens.")),
    "encrypted": (_l("Encrypted"), _l("It is encrypted. Ask for its words in the open, or another way.")),
}


def reasons(codes: Sequence[str]) -> list[Reason]:
    """The reasons in words; one without words of its own is shown as it is, without its dashes."""
    return [Reason(*REASONS[code]) if code in REASONS else _unknown(code) for code in codes]


def _unknown(code: str) -> Reason:
    words = code.replace("_", " ").replace("-", " ").strip() or _("no reason given")
    return Reason(words, _("The mailroom noted: %(words)s.", words=words))
