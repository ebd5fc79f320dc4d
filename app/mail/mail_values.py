"""The values for mail templates: one frozen dataclass for each subject of mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class AccountMail:
    """A sign-in link. `code` has eight or twelve digits; the link is valid for `minutes` or `days`.

    The session that it opens ends after `stays` days, or after `idle` hours without activity.
    """

    link: str
    code: str = ""
    minutes: int = 0
    days: int = 0
    stays: int = 0
    idle: int = 0


@dataclass(frozen=True, kw_only=True)
class AssignmentMail:
    """An assignment, as its expert is told about it.

    `headline` is that of the question, None if an editor has cleared it. `typed` is text that an editor writes for
    this mail, `said` a standard reason in its place. A quote check ends at `check_until`. `silent` means that the
    expert has neither accepted nor declined, `kept` that their text is kept for a later edition.
    """

    headline: str | None = None
    link: str = ""
    due_at: datetime | None = None
    check_until: datetime | None = None
    runs_on: date | None = None
    typed: str = ""
    said: str = ""
    silent: bool = False
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class InvitationMail(AssignmentMail):
    """An invitation to answer a question.

    `lead_in` is the line that would precede the printed answer. `policy` is that of the quote check, 'facts', 'approve'
    or 'off'. `verify`, `pay` and `rights` are the newsletter's own sentences; without them the template says how to
    verify the sender, that there is no fee, and that authors keep their rights.
    """

    wording: str
    background: str | None
    brief: str | None
    words: int
    reply_by: datetime
    lead_in: str
    policy: str
    asked_others: int
    verify: str | None = None
    pay: str | None = None
    rights: str | None = None


@dataclass(frozen=True, kw_only=True)
class EditedTextMail(AssignmentMail):
    """An edited answer for the quote check. An edit is (before, after), one of them empty for an addition or a cut;
    both are the same where only bold or italics changed, which a mail doesn't show.

    `policy` is 'facts' or 'approve'.
    """

    edits: Sequence[tuple[str, str]]
    full_text: str
    words_before: int
    words_after: int
    policy: str = ""


@dataclass(frozen=True, kw_only=True)
class TranslatorMail:
    """A request to an outside translator, without the text itself, since a sent mail can't be recalled.

    `words` is its word count; `of_answer` distinguishes an answer from a question; `again` means a repeated request.
    """

    link: str
    language: str
    words: int
    of_answer: bool = False
    again: bool = False


@dataclass(frozen=True)
class PageLink:
    """A link to a page of its own: that of the question `headline`, or of a text to translate into `language`."""

    headline: str
    link: str
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class LinksMail:
    """The links of an expert or a translator once more. With `old_ended`, earlier links open nothing any more."""

    pages: Sequence[PageLink]
    old_ended: bool = False


@dataclass(frozen=True, kw_only=True)
class AddressMail:
    """The news, to an expert's old address, that mail goes to another one. It doesn't say to which."""


@dataclass(frozen=True, kw_only=True)
class LetterMail:
    """A reader's letter, without its text.

    `opening` is what became of the question: 'answered', 'ended' or 'joined'. `link` has no slug, because slugs are
    made of the question's words; `stop` is the one-click unsubscribe URL (RFC 8058). `receipt` has 20 digits. `pauses`
    says that the newsletter is paused, `goes_on` the day on which it resumes.
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
    """An event that the desk should know at once: `who` caused it, and what they, or another server, `said`.

    An expert who declined gave a `decline_reason`, and perhaps the day from which they are `free_from`. Before, they
    may have made a `suggestion` whom to ask.
    """

    link: str
    who: str = ""
    headline: str = ""
    said: str = ""
    cutoff_at: datetime | None = None
    runs_unnamed: bool = False
    decline_reason: str = ""
    free_from: date | None = None
    suggestion: str = ""


@dataclass(frozen=True)
class EndedWork:
    """A question that has lost an expert. `outcome` is one of `end_expert_work.Outcome`."""

    headline: str
    outcome: str


@dataclass(frozen=True, kw_only=True)
class RemovalMail(DeskMail):
    """The news that an expert removed themself, with what they had to do with this desk."""

    works: Sequence[EndedWork] = ()


@dataclass(frozen=True, kw_only=True)
class EditionMail:
    """An edition that should have run at `runs_at`."""

    runs_at: datetime
    link: str


@dataclass(frozen=True, kw_only=True)
class EditionCopy:
    """An edition as readers get it: the `title` of its mail, and its plain `text`."""

    title: str
    text: str


@dataclass(frozen=True)
class MorningSection:
    """A section of the morning mail: `number` items of a `kind`, the first of them as `lines`, and a `link` to all."""

    kind: str
    number: int
    lines: tuple[str, ...]
    link: str


@dataclass(frozen=True, kw_only=True)
class MorningMail:
    """The work that is waiting on a morning.

    `cutoff_at` is that of the next edition, `link` leads to the page that turns the mail off, and `head` is the head of
    the trail's hash chain.
    """

    on: date
    sections: Sequence[MorningSection]
    cutoff_at: datetime | None
    link: str
    head: str = ""


@dataclass(frozen=True, kw_only=True)
class TestMail:
    """A test mail that an operator sends from a site."""

    __test__ = False  # keep pytest from collecting it

    site: str


Values = (
    TestMail
    | AccountMail
    | AssignmentMail
    | TranslatorMail
    | LinksMail
    | AddressMail
    | LetterMail
    | DeskMail
    | EditionMail
    | EditionCopy
    | MorningMail
)
