"""What the pages of letters show: the rows of the list, and the one that is read."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from flask import request
from flask_babel import gettext as _

from ...answers.mailed_answers import may_wait_again
from ...editions.models import Edition
from ...formatting import age, count, day, exact, full_date, tongue, zone
from ...letters import contacts, queries
from ...letters.lifecycle import LETTER
from ...letters.models import CHANNELS as ALL_CHANNELS
from ...letters.models import Letter
from ...letters.queries import Wanted
from ...mail import inbound
from ...newsletters.queries import topics_of
from ...questions import queries as question_queries
from ...questions.models import Question
from ...text import direction
from ..frame import Desk, found
from ..list_search import Found, search
from ..mail import incoming_mails
from ..mail.incoming_mails import About
from ..shortcuts import KEYS, OF_EXPERT, on_letter_of_expert
from .letter_filters import AGES, Chosen, chosen, named
from .letter_look_alikes import of_letter as alikes_of
from .letter_words import BY_MAIL, CHANNELS, ENDS, FILED, FILTERS, HEARS_BACK, HELD

PAGE = 40  # rows that fit a laptop's screen
KINDS = ("comment", "tip", "unsubscribe", "spam")
COUNTED = ("waiting", "new", "held")  # whose numbers the list says


def list_of(desk: Desk, item: Letter | None = None) -> dict[str, Any]:
    """The list beside which `item` is read, or which stands alone."""
    listed = chosen(desk, request.args)
    before = request.args.get("before") or None
    after = found(queries.load(desk.session, desk.actor, before)) if before else None
    hits = searched(desk, listed, after, PAGE) if listed.search else None
    rows = hits.rows if hits else queries.page(desk.session, desk.newsletter.id, listed.wanted, after, PAGE + 1)
    older = (hits.older if hits else rows[PAGE - 1].public_id if rows[PAGE:] else None)  # fmt: skip
    rows = rows[:PAGE]
    about = incoming_mails.about(desk.session, rows, listed.editions)
    counted = _counts(desk) if not (before or hits) else {}
    ticked = request.args.get("tick") == "all"
    return {
        "listed": listed,
        "here": urlencode({**listed.values, **({"before": before} if before else {})}),
        "days": _days(rows, about, listed, before, item, hits, ticked),
        "state": listed.state,
        "state_label": FILTERS[listed.state][0],
        "filters": [
            (name, words, listed.address(state=name), count(counted.get(name, 0)))
            for name, (words, _states) in FILTERS.items()
        ],
        "choices": _choices(desk, listed, rows),
        "keyset": {
            # Of what a search found, the page before can't be walked to: it leads to the first.
            "newer": listed.address(above=None if hits else before) if before else None,
            "older": listed.address(before=older) if older else None,
        },
        "tick_all": listed.address(before=before, tick="all"),
        "ends": ENDS,
        "topics": [] if item else topics_of(desk.session, desk.newsletter.id),
        "kinds": [(kind, FILED[kind]) for kind in KINDS],
        "back": listed.address(before=before),
        "keys": KEYS,
        "steps": _steps(desk, listed, rows, before, item),
    }


def searched(desk: Desk, listed: Chosen, after: Letter | None, limit: int) -> Found[Letter]:
    def among(keys: list[int]) -> list[Letter]:
        return queries.among(desk.session, desk.newsletter.id, listed.wanted, keys)

    return search(desk, Letter, listed.search, after, limit, among)


def page_above(desk: Desk, of: str) -> str:
    """The address of the page that ends with the letter `of`, behind which another one begins."""
    listed, last = chosen(desk, request.args), found(queries.load(desk.session, desk.actor, of))
    front = queries.page(desk.session, desk.newsletter.id, listed.wanted, last, PAGE, up=True)
    return listed.address(before=front[-1].public_id if len(front) == PAGE else None)


def _counts(desk: Desk) -> dict[str, int]:
    """How many letters wait, on the first page of a list: deeper ones have other things to ask the database."""
    lists = [Wanted(FILTERS[name][1]) for name in COUNTED]
    return dict(zip(COUNTED, queries.counts(desk.session, desk.newsletter.id, lists), strict=True))


def _choices(desk: Desk, listed: Chosen, rows: Sequence[Letter]) -> list[tuple[str, str, list[tuple[str, Any]]]]:
    """The selects of the form of filters: (name, label, [(value, words)])."""
    languages = {*desk.newsletter.languages, *(one.language for one in rows), listed.values.get("language", "und")}
    tongues = sorted((tongue(code), code) for code in languages if tongue(code))
    return [
        ("channel", _("Came by"), [(name, CHANNELS[name]) for name in ALL_CHANNELS]),
        ("language", _("Written in"), [*((code, words) for words, code in tongues), ("und", _("Not known"))]),
        ("edition", _("About the edition"), [(one.public_id, named(one)) for one in listed.editions.values()]),
        ("kind", _("Filed as"), [(kind, FILED[kind]) for kind in ("question", *KINDS)]),
        ("held", _("Held for"), list(HELD.items())),
        ("age", _("Age"), [(name, words) for name, (words, *_rest) in AGES.items()]),
        ("alike", _("Look-alikes"), [("1", _("has one"))]),
    ]


def _steps(
    desk: Desk, listed: Chosen, rows: Sequence[Letter], before: str | None, item: Letter | None
) -> dict[str, str | None]:
    """Where the keys j and k lead from the letter that is open: to its neighbours in the list, page after page."""
    if item is None:
        return {}
    ids = [one.public_id for one in rows]
    at = ids.index(item.public_id) if item.public_id in ids else None
    following = ids[at + 1 : at + 2] if at is not None else []
    previous = ids[at - 1 : at] if at else []
    behind = ahead = before
    if not following and (at is None or len(ids) == PAGE) and not listed.search:
        following = _beyond(desk, listed, item, 1)
        behind = before if following and following[0] in ids else item.public_id
    if not previous and (at is None or before) and not listed.search:
        previous = _beyond(desk, listed, item, PAGE + 1, up=True)
        ahead = before if previous and previous[0] in ids else previous[PAGE] if previous[PAGE:] else None
    place = listed.address
    return {
        "next": place("editor.letter", public_id=following[0], before=behind) if following else None,
        "previous": place("editor.letter", public_id=previous[0], before=ahead) if previous else None,
    }


def _beyond(desk: Desk, listed: Chosen, item: Letter, limit: int, up: bool = False) -> list[str]:
    """What of the list stands behind a letter, or in front of it, the nearest first."""
    rows = queries.page(desk.session, desk.newsletter.id, listed.wanted, item, limit, up)
    return [one.public_id for one in rows]


def _days(
    rows: Sequence[Letter],
    about: About,
    listed: Chosen,
    before: str | None,
    item: Letter | None,
    hits: Found[Letter] | None,
    ticked: bool,
) -> list[tuple[str, list[dict[str, Any]]]]:
    # A list goes by arrival: what waited in the holding pen, or keeps its day in UTC, stands under the day of its neighbours.
    latest = min if listed.wanted.until else max
    headings = [*accumulate(map(_day_of, reversed(rows)), latest)][::-1]
    return [
        (day(when), [
            _row(one, about, item, hits)
            | {"href": listed.address("editor.letter", public_id=one.public_id, before=before), "checked": ticked}
            for one, _when in some
        ])
        for when, some in groupby(zip(rows, headings, strict=True), key=itemgetter(1))
    ]  # fmt: skip


def _keeps_the_day(one: Letter) -> bool:
    """A web letter without an address has a day and no minute."""
    return one.channel == "web" and one.hear_back == "number"


def _day_of(one: Letter) -> date:
    return one.received_at.date() if _keeps_the_day(one) else one.received_at.astimezone(zone()).date()


def _row(one: Letter, about: About, item: Letter | None, hits: Found[Letter] | None) -> dict[str, Any]:
    looks = {"received": ("new", "new", _("New")), "held": ("wait", "held", _("Held"))}
    kind, looks_like, label = looks.get(str(one.state), ("none", "seen", _("Settled")))
    expert = about.expert(one)
    alike = _("Has a look-alike") if one.alike and one.state == "received" else ""
    return {
        # The version travels with the box, so that a letter that moved meanwhile is left alone.
        "id": f"{one.public_id}.{one.version}",
        "kind": kind,
        "state": looks_like,
        "state_label": label,
        # What an expert writes is filed by itself: several can't be one thing.
        "ticks": one.author == "reader",
        "expert": expert.expert.name if expert else "",
        "source": about.replies_to(one) or CHANNELS[one.channel],
        "text": (one.body or "")[:200],
        "pieces": hits.pieces.get(one.id, ()) if hits else (),
        "language": one.language,
        "tongue": tongue(one.language),
        "says": _settled(one) or (expert.question.short_title if expert else alike),
        "age": _age(one),
        "time": one.received_at,
        "exact": full_date(_day_of(one)) if _keeps_the_day(one) else exact(one.received_at),
        "open": item is not None and item.id == one.id,
    }


def _age(one: Letter) -> str:
    if not _keeps_the_day(one):
        return age(one.received_at)
    days = (datetime.now(UTC).date() - _day_of(one)).days  # counted by the calendar: there is no hour to count from
    return age(datetime.now(UTC) - timedelta(days=days)) if days else _("today")


def _settled(one: Letter) -> str:
    """What the desk or the house did with it already."""
    if one.state == "held":
        return _("Held: %(why)s", why=HELD.get(one.held_reason or "", one.held_reason))
    if one.state == "filed":
        return str(FILED[one.filed_as or "comment"])
    return _("Ended") if one.state == "ended" else _("Withdrawn") if one.state == "withdrawn" else ""


def pane_of(desk: Desk, item: Letter, editions: dict[int, Edition]) -> dict[str, Any]:
    session, key = desk.session, desk.newsletter.id
    by_mail = item.channel == "mail"
    mail = inbound.of_letter(session, item.id) if by_mail else None
    about = incoming_mails.about(session, [item], editions)
    expert, edition = about.expert(item), about.editions.get(item.about_edition_id or 0)
    credit = item.credit
    question = session.get(Question, item.question_id) if item.question_id else None
    hear_back = item.hear_back if item.channel == "web" or item.hear_back != "number" else "nothing"
    reading = incoming_mails.readings(session, [mail]).get(mail.id) if mail else None
    filings = incoming_mails.filings(desk, item, expert) if expert else None
    return {
        "item": item,
        "moves": LETTER.open_to(desk.actor, item),
        "settled": _settled(item),
        "source": CHANNELS[item.channel],
        "reads": _("from right to left") if direction(item.language) == "rtl" else _("from left to right"),
        "day": day(_day_of(item)),
        "replies_to": named(edition) if edition else None,
        "credit": credit if credit and credit.choice != "none" else None,
        "credit_name": contacts.named(session, item),
        "hears_back": HEARS_BACK[hear_back],
        "question": question_queries.lead_of(session, question) if question else None,
        "open_questions": question_queries.page(session, key, ("open", "seeking", "answered"), None, 50),
        "end_reason": ENDS.get(item.end_reason or ""),
        "files": [(kind, (BY_MAIL if by_mail else FILED)[kind]) for kind in KINDS],
        "reading": reading,
        "spam_score": reading.spam_score if reading else "",
        "expert": expert,
        "filings": filings,
        # Reasons stand only on what was set aside and became a letter by somebody's word.
        "from_pen": bool(expert and mail and mail.reasons and item.state in ("received", "held")),
        "may_wait_again": may_wait_again(session, item) if expert and not filings else not expert,
        "expert_keys": OF_EXPERT,
        "help_keys": on_letter_of_expert(filings["kinds"] if filings else ()) if expert else KEYS,
        "alikes": alikes_of(desk, item, question) if not expert else [],
    }
