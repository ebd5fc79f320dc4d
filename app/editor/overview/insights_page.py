"""Insights: charts, each with its table, of letters and answers, speed, experts, topics, channels and languages."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask import abort, request
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...db.session import now
from ...newsletters.queries import topics_of
from ...people.directory import expert_names
from ...people.spreadsheet import write_csv
from ...web.formatting import tongue
from ...workflows.overview import insights
from ...workflows.overview.insights import Insight, days_to_print, get_counter, letters_in, nth, rank_keys, reply_days
from ...workflows.overview.weekly_counts import get_monday
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import CHANNELS
from . import charts

PERIODS: dict[str, tuple[int | None, Any]] = {
    "12-weeks": (12, _l("Twelve weeks")),
    "year": (52, _l("A year")),
    "all": (None, _l("All")),
}
LETTERS = _l("Letters")
Row = Sequence[str | int]


@dataclass(frozen=True)
class Chart:
    """A chart: the picture, a sentence that summarizes it, and the table with its data.

    `heads` are the columns of `rows`, whose first cell is a name. If the rows are spans of time, `begins` are their
    first days, for the CSV file.
    """

    key: str
    title: str
    unit: str
    says: str
    heads: Sequence[str]
    rows: Sequence[Row]
    picture: charts.Picture
    begins: Sequence[date] = ()


@editor.get("/<slug>/insights", endpoint="insights")
def newsletter_insights(slug: str) -> str:
    with read_context(slug) as desk:
        period = request.args.get("period", "")
        key = period if period in PERIODS else next(iter(PERIODS))
        found = _insight(desk, key)
        return page(
            desk,
            "editor/overview/insights.html",
            "insights",
            period=key,
            periods=[(name, label) for name, (_weeks, label) in PERIODS.items()],
            is_unknown_period=period not in (key, ""),
            insight=found,
            summary=_format_summary(found),
            charts=[chart(desk, found) for chart in CHARTS.values()] if found.counted_at else [],
        )


@editor.get("/<slug>/insights/<chart>.csv")
def insights_csv(slug: str, chart: str) -> Response:
    """Return the table of one chart as a CSV file."""
    key = request.args.get("period", next(iter(PERIODS)))
    if chart not in CHARTS or key not in PERIODS:
        abort(404)
    with read_context(slug) as desk:
        drawn = CHARTS[chart](desk, _insight(desk, key))
        names: Sequence[object] = drawn.begins or [row[0] for row in drawn.rows]
        rows = ([str(name), *map(str, row[1:])] for name, row in zip(names, drawn.rows, strict=False))
        lines = "".join(write_csv(drawn.heads, rows))
    name = f'attachment; filename="{slug}-{chart}-{key}.csv"'
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": name})


def _insight(desk: RequestContext, period: str) -> Insight:
    return insights.load_insight(desk.session, desk.newsletter.id, PERIODS[period][0], get_monday(now(desk.session)))


def _format_summary(insight: Insight) -> str:
    """Return two or three sentences about the period."""
    letters, out, spam = (
        letters_in(insight.total),
        get_counter(insight.total, "out"),
        get_counter(insight.total, "kinds")["spam"],
    )
    half = nth(days_to_print(insight.total), 0.5)
    said = [
        ngettext("One letter came in", "%(num)s letters came in", letters)
        + (ngettext(", besides one of spam", ", besides %(num)s of spam", spam) if spam else "")
        + _(", and ")
        + ngettext("one Q&A ran.", "%(num)s Q&As ran.", out["ran"])
    ]
    if out["readers"]:
        said.append(ngettext("One reader got an answer.", "%(num)s readers got an answer.", out["readers"]))
    if half is not None:
        words = ngettext(
            "Half of what ran was in print within a day.", "Half of what ran was in print within %(num)s days.", half
        )
        said.append(words)
    return " ".join(said)


def _format_span_start(desk: RequestContext, begins: date) -> str:
    """Return the first day of a span, with the year unless it is the current one in the newsletter's time zone."""
    today = now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone))
    skeleton = "MMMd" if begins.year == today.year else "yMMMd"
    return str(format_skeleton(skeleton, datetime.combine(begins, time()), locale=get_locale()))


def _flow(desk: RequestContext, insight: Insight) -> Chart:
    """Return the chart of letters received and readers answered over time."""
    came = [letters_in(span.figures) for span in insight.spans]
    ran = [get_counter(span.figures, "out") for span in insight.spans]
    answered = [out["readers"] for out in ran]
    labels = [_format_span_start(desk, span.begins) for span in insight.spans]
    first, last = ((came or [0])[at] for at in (0, -1))
    one, two = ((answered or [0])[at] for at in (0, -1))
    numbers = {"first": first, "last": last, "one": one, "two": two}
    says = _(
        "%(first)s letters in the first of these times and %(last)s in the last; %(one)s and %(two)s readers answered.",
        **numbers,
    )
    return Chart(
        "flow",
        _("Letters in, readers answered"),
        _unit(insight),
        says if came else "",
        (_("From"), _("Letters in"), _("Questions among them"), _("Q&As that ran"), _("Readers answered")),
        [
            (label, letters, get_counter(span.figures, "kinds")["question"], out["ran"], out["readers"])
            for label, letters, span, out in zip(labels, came, insight.spans, ran, strict=True)
        ],
        charts.columns(labels, came, answered, (_("%(number)s in", number=last), _("%(number)s answered", number=two))),
        [span.begins for span in insight.spans],
    )


def _unit(insight: Insight) -> str:
    weeks = insight.spans[0].weeks if insight.spans else 1
    return ngettext(
        "By week, from the day shown; the last one still runs",
        "By %(num)s weeks, from the day shown; the last ones still run",
        weeks,
    )


def _cell(number: int | None) -> str | int:
    return "" if number is None else number


def _speed(desk: RequestContext, insight: Insight) -> Chart:
    """Return the chart of the days from first letter to publication."""
    days = [days_to_print(span.figures) for span in insight.spans]
    half, most = [nth(one, 0.5) for one in days], [nth(one, 0.9) for one in days]
    labels = [_format_span_start(desk, span.begins) for span in insight.spans]
    all_days = days_to_print(insight.total)
    last = next((pair for pair in zip(half[::-1], most[::-1], strict=True) if pair[0] is not None), (0, 0))
    share = {"half": nth(all_days, 0.5), "most": nth(all_days, 0.9)}
    says = _("Over all of it half ran within %(half)s days and nine in ten within %(most)s.", **share)
    return Chart(
        "speed",
        _("From question to print"),
        _("Days: the dot is the median, the line runs to nine in ten"),
        says if all_days else "",
        (_("From"), _("Q&As that ran"), _("Median days"), _("Nine in ten within")),
        [
            (label, one.total(), _cell(first), _cell(second))
            for label, one, first, second in zip(labels, days, half, most, strict=True)
            if all_days
        ],
        charts.spans(labels, half, most, (_("half by %(days)s", days=last[0]), _("90 %% by %(days)s", days=last[1]))),
        [span.begins for span in insight.spans],
    )


def _experts(desk: RequestContext, insight: Insight) -> Chart:
    """Return the chart of how often each expert was asked and answered."""
    total = insight.total
    asked, answered = get_counter(total, "asked"), get_counter(total, "answered")
    keys = rank_keys(asked, answered)
    names = expert_names(desk.session, [int(key) for key in keys])
    named = [(names.get(int(key)) or _("no longer in the directory"), key) for key in keys]
    columns = (asked, answered, get_counter(total, "declined"), get_counter(total, "silent"))
    numbers = {"asked": asked.total(), "answered": answered.total(), "days": nth(reply_days(total), 0.5) or 0}
    says = _(
        "Experts were asked %(asked)s times and answered %(answered)s times; the median text came after %(days)s days.",
        **numbers,
    )
    return Chart(
        "experts",
        _("Experts’ response"),
        _("Outlined: asked; line: texts that came"),
        says if keys else "",
        (_("Expert"), _("Asked"), _("Answered"), _("Said no"), _("No text in time"), _("Median days")),
        [(name, *(column[key] for column in columns), _cell(nth(reply_days(total, key), 0.5))) for name, key in named],
        charts.rows([(name, asked[key], answered[key]) for name, key in named]),
    )


def _topics(desk: RequestContext, insight: Insight) -> Chart:
    names = {str(topic.id): topic.name for topic in topics_of(desk.session, desk.newsletter.id)}
    asked, ran = get_counter(insight.total, "topics_in"), get_counter(insight.total, "topics_out")
    rows = [(names[key], asked[key], ran[key]) for key in rank_keys(asked, ran) if key in names]
    says = _("Most letters are about %(topic)s: %(number)s.", topic=rows[0][0], number=rows[0][1]) if rows else ""
    unit, heads = _("Outlined: letters; line: Q&As that ran"), (_("Topic"), _("Letters"), _("Q&As that ran"))
    return Chart("topics", _("Topics"), unit, says, heads, rows, charts.rows(rows))


def _counts(
    name: str, title: Any, head: Any, format_label: Callable[[str], str], unit: Any = LETTERS
) -> Callable[[RequestContext, Insight], Chart]:
    """Return a function that makes the chart of a counter of the figures, the largest number first."""

    def chart(desk: RequestContext, found: Insight) -> Chart:
        numbers: Counter[str] = get_counter(found.total, name)
        rows = [(format_label(one), numbers[one]) for one in rank_keys(numbers)]
        says = ""
        if rows:
            [what, number], total = rows[0], numbers.total()
            says = _("Most are %(what)s: %(number)s of %(all)s.", what=what, number=number, all=total)
        picture = charts.rows([(label, number, None) for label, number in rows])
        return Chart(name, str(title), str(unit), says, (str(head), str(LETTERS)), rows, picture)

    return chart


KINDS = {"question": _l("question"), "comment": _l("comment"), "tip": _l("tip"), "unsubscribe": _l("unsubscribe")}
KINDS |= {
    "spam": _l("spam"),
    "waiting": _l("not filed yet"),
    "ended": _l("ended kindly"),
    "withdrawn": _l("taken back"),
}


def _label_getter(labels: Mapping[str, Any]) -> Callable[[str], str]:
    return lambda key: str(labels.get(key, key))


CHARTS: dict[str, Callable[[RequestContext, Insight], Chart]] = {
    "flow": _flow,
    "speed": _speed,
    "experts": _experts,
    "topics": _topics,
    "channels": _counts("channels", _l("How letters came"), _l("Way"), _label_getter(CHANNELS)),
    "kinds": _counts(
        "kinds", _l("What letters were"), _l("Kind"), _label_getter(KINDS), _l("Letters; spam is counted only here")
    ),
    "languages": _counts("languages", _l("Languages"), _l("Language"), lambda code: tongue(code) or _("not known")),
}
