"""Faults, before all else on the page of this edition: each with the one place where it is mended."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from ...answers import queries
from ...db.session import now
from ...mail import queries as mail_queries
from ...mail import sign_ins, stalled
from ...programs.registering import list_failing
from ...watching import held_erasures
from ...web.formatting import ago, day
from ...workflows.overview.waiting import Board, Task
from ..frame import RequestContext
from ..mail.mail_words import format_mail_line, load_mail_names

FAILURES = 5  # failed mails that the page tells of one by one
STALLED = timedelta(minutes=10)  # a mail that has been due for longer is waiting for a worker that doesn't run
FIRST = ("missed", "objection")  # tasks that are no less urgent than what is broken


@dataclass(frozen=True)
class Fault:
    """`said` stands in red, then `mails` and `more`; `href` leads to where it is mended; `about` says what it is."""

    key: str
    said: str
    href: str = ""
    about: str = ""
    more: str = ""
    mails: tuple[dict[str, Any], ...] = ()


def faults(desk: RequestContext, board: Board, address: Callable[[RequestContext, Task], str]) -> list[Fault]:
    """List all faults, the gravest first. Of the desk's tasks the `FIRST` are told here; `address` leads to each."""
    pressing = [(task, address(desk, task)) for task in board.desk if task.kind in FIRST]
    failed, back = _undelivered(desk, board)
    return [
        *_worker(desk),
        *_erasures(desk),
        *_mail_account_faults(desk),
        *(_edition(task, href) for task, href in pressing if task.kind == "missed"),
        *_mails(
            desk,
            "failed",
            failed,
            # No number: these are the newest of them.
            lambda n: _("One mail can’t be delivered.") if n == 1 else _("Mails can’t be delivered."),
        ),
        *_mails(desk, "came-back", back, lambda n: ngettext("One mail came back.", "Mails came back.", n)),
        *_unreadable(desk, board.numbers["unreadable"]),
        *(_programs(desk) if board.numbers["programs in trouble"] else ()),
        *(_objection(task, href) for task, href in pressing if task.kind == "objection"),
    ]


def _worker(desk: RequestContext) -> Iterable[Fault]:
    since = stalled.get_stalled_since(desk.session)
    if since is not None and now(desk.session) - since > STALLED:
        said = _("Mail has not moved for %(time)s.", time=ago(since))
        yield Fault(
            "stalled", said, more=_("Nothing is lost: it all waits. Whoever runs the machine starts the worker again.")
        )


def _erasures(desk: RequestContext) -> Iterable[Fault]:
    since = held_erasures.get_stalled_since(desk.session)
    if since is not None:
        said = _("What was erased in the last %(time)s still stands in the database’s own files.", time=ago(since))
        more = _("Something reads the database all the while. Whoever runs the machine learns more by `flask doctor`.")
        yield Fault("erasures", said, more=more)


def _mail_account_faults(desk: RequestContext) -> Iterable[Fault]:
    """Return the mail accounts of the house that somebody has to sign in. One whose provider is away mends itself."""
    for number, (account, code) in enumerate(sign_ins.faults(desk.session, current_app.config["MAIL_ACCOUNTS"]), 1):
        if code == "out":
            said = _("The mail account %(account)s is signed out.", account=account.user)
        elif code == "settings":
            said = _("The provider of the mail account %(account)s refuses this program.", account=account.user)
        else:
            continue
        more = _(
            "Nothing is lost: what goes out waits in the outbox, what comes in waits in its mailbox. "
            "Whoever runs the machine signs it in again by `%(command)s`.",
            command=sign_ins.COMMAND,
        )
        yield Fault(f"signed-out-{number}", said, more=more)


def _edition(task: Task, href: str) -> Fault:
    when = day(task.since, "short")
    return Fault(f"missed-{task.since:%Y%m%d}", _("The edition of %(day)s wasn’t locked.", day=when), href, about=when)


def _objection(task: Task, href: str) -> Fault:
    about = task.question.title if task.question else ""
    said = _("%(name)s objects to the edited text.", name=task.expert)
    return Fault(f"objection-{href.rpartition('/')[2]}", said, href, about, about)


def _mails(desk: RequestContext, key: str, mails: list[dict[str, Any]], says: Callable[[int], str]) -> Iterable[Fault]:
    if mails:
        state: dict[str, Any] = {"state": "failed"} if key == "failed" else {}
        href = url_for("editor.mail", slug=desk.newsletter.slug, public_id=mails[0]["id"], **state)
        yield Fault(key, says(len(mails)), href, mails[0]["kind"], mails=tuple(mails))


def _undelivered(desk: RequestContext, board: Board) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what a server refused, and what another one sent back after it had taken it."""
    key = desk.newsletter.id
    newest = mail_queries.listing(key, "failed")
    mails = newest.page(desk.session, None, FAILURES) if board.numbers["failed mails"] else ()
    failed = [mail for mail in mails if not mail.bounced_at]
    bounces = queries.list_actionable_bounces(desk.session, key) if board.numbers["bounces"] else ()
    back = [mail for _bounce, mail in bounces]
    names = load_mail_names(desk, [*failed, *back]) if failed or back else ({}, {}, {})
    return [format_mail_line(desk, mail, names) for mail in failed], [
        format_mail_line(desk, mail, names) for mail in back
    ]


def _programs(desk: RequestContext) -> Iterable[Fault]:
    """Return the other programs that have failed for a day, or were paused for it."""
    for program in list_failing(desk.session, desk.newsletter.id):
        if program.paused_at is not None:
            said = _("“%(name)s” isn’t told any more what happens here.", name=program.name)
            more = _("It took nothing for five days, or answered that it wants nothing any more.")
        else:
            since = program.failing_since or now(desk.session)
            said = _("“%(name)s” has taken nothing for %(time)s.", name=program.name, time=ago(since))
            more = _("It is tried again and again, and paused after five days.")
        where: dict[str, Any] = {"slug": desk.newsletter.slug, "public_id": program.public_id}
        href = url_for("editor.program", **where) if desk.may("programs") else ""
        yield Fault(f"program-{program.public_id}", said, href, program.name, more)


def _unreadable(desk: RequestContext, number: int) -> Iterable[Fault]:
    if number:
        said = ngettext(
            "One mail that came in could not be read.", "%(num)s mails that came in could not be read.", number
        )
        href = url_for("editor.pen", slug=desk.newsletter.slug, place="failed")
        more = _("Nothing is lost: each is kept as it came.")
        yield Fault("unreadable", said, href, _("what could not be read"), more)
