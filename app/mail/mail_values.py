"""The values that mails are made of: one frozen object for each subject that a mail can be about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class AccountMail:
    """A way in. `code` has eight digits, or twelve; `minutes` or `days` are how long it opens.

    `stays` are the days after which whoever comes in by it is signed out, and `idle` the hours in a browser that rests.
    """

    link: str
    code: str = ""
    minutes: int = 0
    days: int = 0
    stays: int = 0
    idle: int = 0


@dataclass(frozen=True, kw_only=True)
class AssignmentMail:
    """An assignment, as its expert is told of it.

    `headline` is what the question is called: None for what an editor has cleared. `typed` is what somebody at the desk
    types for this one mail, `said` the house's own word in its place; `silent` says that the expert has answered
    neither yes nor no, and `kept` that a text of theirs is kept for another time.
    """

    headline: str | None = None
    link: str = ""
    due_at: datetime | None = None
    runs_on: date | None = None
    typed: str = ""
    said: str = ""
    silent: bool = False
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class InvitationMail(AssignmentMail):
    """All that an invitation says.

    `lead_in` is the line before the answer as it would run; `policy` is 'facts', 'approve' or 'off'; `check_until`
    belongs to the first two. `verify`, `pay` and `rights` are the newsletter's own sentences; without them the house
    says that it doesn't pay, that words stay their writer's, and how to check who writes.
    """

    wording: str
    background: str | None
    brief: str | None
    words: int
    reply_by: datetime
    lead_in: str
    policy: str
    check_until: datetime | None
    asked_others: int
    readers: int
    verify: str | None = None
    pay: str | None = None
    rights: str | None = None


@dataclass(frozen=True, kw_only=True)
class EditedTextMail(AssignmentMail):
    """An edited answer. An edit is (before, after), one side empty where words were added or cut.

    `policy` is 'facts' or 'approve'.
    """

    edits: Sequence[tuple[str, str]]
    full_text: str
    words_before: int
    words_after: int
    policy: str = ""


@dataclass(frozen=True, kw_only=True)
class TranslatorMail:
    """A text that a translator outside is asked for, with none of its words: a mail can't be called back.

    `words` is how many it has, `of_answer` whether it is an answer and no question, and `again` that they were written
    to before.
    """

    link: str
    language: str
    words: int
    of_answer: bool = False
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class LetterMail:
    """A reader's letter, with none of its words.

    `opening` is what became of the question: answered, ended or joined. `link` leads to an address without a slug,
    because the slug is made of the question's words; `stop` is where the reader has our mails stopped (RFC 8058).
    `receipt` has 20 digits. `pauses` says that the newsletter does, `goes_on` the day until which.
    """

    opening: str = ""
    sentence: str = ""
    link: str | None = None
    stop: str | None = None
    receipt: str = ""
    pauses: bool = False
    goes_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class DeskMail:
    """Something that the desk should know at once: `who` did it, what they `said` or the other server did."""

    link: str
    who: str = ""
    headline: str = ""
    said: str = ""
    cutoff_at: datetime | None = None
    runs_unnamed: bool = False


@dataclass(frozen=True, kw_only=True)
class EditionMail:
    """An edition, and when it should have run."""

    runs_at: datetime
    link: str


@dataclass(frozen=True)
class Section:
    """A part of the morning mail: of what `kind`, the `number` there are, the first of them as `lines`, and where they
    are.
    """

    kind: str
    number: int
    lines: tuple[str, ...]
    link: str


@dataclass(frozen=True, kw_only=True)
class MorningMail:
    """The work that waits in the morning of a day; `cutoff_at` is that of the coming edition, `link` where the mail is
    switched off, and `head` that of the chain over the trail.
    """

    on: date
    sections: Sequence[Section]
    cutoff_at: datetime | None
    link: str
    head: str = ""


@dataclass(frozen=True, kw_only=True)
class TestMail:
    """The operator's test of the mail of a site."""

    __test__ = False  # it is no test of pytest's

    site: str


Values = TestMail | AccountMail | AssignmentMail | TranslatorMail | LetterMail | DeskMail | EditionMail | MorningMail
