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
from ...web.formatting import format_language
from ...workflows.overview import insights
from ...workflows.overview.insights import (
    Insight,
    count_letters,
    days_to_print,
    get_counter,
    quantile,
    rank_keys,
    reply_days,
)
from ...workflows.overview.weekly_counts import get_monday
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import CHANNELS
from . import charts

# By value of ?period=: the number of weeks, None for all time, and the label.
PERIODS: dict[str, tuple[int | None, Any]] = {
    "12-weeks": (12, _l("Twelve weeks")),
    "year": (52, _l("A year")),
    "all": (None, _l("All")),
}
LETTERS = _l("Letters")
Row = Sequence[str | int]


@dataclass(frozen=True)
class Chart:
    """A chart: the picture, a sentence that summarizes it, and the table with its data."""

    key: str
    title: str
    unit: str
    summary: str
    headers: Sequence[str]  # of the columns of `rows`
    rows: Sequence[Row]  # the first cell is a label
    picture: charts.Picture
    start_dates: Sequence[date] = ()  # of rows that are spans of time; they replace the labels in the CSV file


@editor.get("/<slug>/insights", endpoint="insights")
def newsletter_insights(slug: str) -> str:
    with read_context(slug) as desk:
        period = request.args.get("period", "")
        period_key = period if period in PERIODS else next(iter(PERIODS))
        insight = _load_insight(desk, period_key)
        return page(
            desk,
            "editor/overview/insights.html",
            "insights",
            period=period_key,
            periods=[(name, label) for name, (_weeks, label) in PERIODS.items()],
            is_unknown_period=period not in (period_key, ""),
            insight=insight,
            summary=_format_summary(insight),
            charts=[build_chart(desk, insight) for build_chart in CHARTS.values()] if insight.counted_at else [],
        )


@editor.get("/<slug>/insights/<chart>.csv")
def insights_csv(slug: str, chart: str) -> Response:
    """Return the table of a chart as a CSV file."""
    period_key = request.args.get("period", next(iter(PERIODS)))
    if chart not in CHARTS or period_key not in PERIODS:
        abort(404)
    with read_context(slug) as desk:
        built_chart = CHARTS[chart](desk, _load_insight(desk, period_key))
        labels: Sequence[object] = built_chart.start_dates or [row[0] for row in built_chart.rows]
        # Not strict: a chart without data has start dates but no rows.
        rows = ([str(label), *map(str, row[1:])] for label, row in zip(labels, built_chart.rows, strict=False))
        text = "".join(write_csv(built_chart.headers, rows))
    disposition = f'attachment; filename="{slug}-{chart}-{period_key}.csv"'
    return Response(text, mimetype="text/csv", headers={"Content-Disposition": disposition})


def _load_insight(desk: RequestContext, period: str) -> Insight:
    return insights.load_insight(desk.session, desk.newsletter.id, PERIODS[period][0], get_monday(now(desk.session)))


def _format_summary(insight: Insight) -> str:
    """Return one to three sentences about the period."""
    letter_count = count_letters(insight.total)
    spam_count = get_counter(insight.total, "kinds")["spam"]
    published = get_counter(insight.total, "out")
    median_days = quantile(days_to_print(insight.total), 0.5)
    spam_clause = ngettext(", besides one of spam", ", besides %(num)s of spam", spam_count) if spam_count else ""
    sentences = [
        ngettext("One letter came in", "%(num)s letters came in", letter_count)
        + spam_clause
        + _(", and ")
        + ngettext("one Q&A ran.", "%(num)s Q&As ran.", published["ran"])
    ]
    if published["readers"]:
        readers = ngettext("One reader got an answer.", "%(num)s readers got an answer.", published["readers"])
        sentences.append(readers)
    if median_days is not None:
        sentence = ngettext(
            "Half of what ran was in print within a day.",
            "Half of what ran was in print within %(num)s days.",
            median_days,
        )
        sentences.append(sentence)
    return " ".join(sentences)


def _format_span_start(desk: RequestContext, start_date: date) -> str:
    """Return the first day of a span, with the year unless it is the current one in the newsletter's time zone."""
    today = now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone))
    skeleton = "MMMd" if start_date.year == today.year else "yMMMd"
    return str(format_skeleton(skeleton, datetime.combine(start_date, time()), locale=get_locale()))


def _flow_chart(desk: RequestContext, insight: Insight) -> Chart:
    """Return the chart of letters received and readers answered over time."""
    received = [count_letters(span.figures) for span in insight.spans]
    published = [get_counter(span.figures, "out") for span in insight.spans]
    answered = [counter["readers"] for counter in published]
    labels = [_format_span_start(desk, span.begins) for span in insight.spans]
    first_received, last_received = (received[0], received[-1]) if received else (0, 0)
    first_answered, last_answered = (answered[0], answered[-1]) if answered else (0, 0)
    sentence = _(
        "%(first)s letters in the first of these times and %(last)s in the last; %(one)s and %(two)s readers answered.",
        first=first_received,
        last=last_received,
        one=first_answered,
        two=last_answered,
    )
    end_labels = (_("%(number)s in", number=last_received), _("%(number)s answered", number=last_answered))
    return Chart(
        "flow",
        _("Letters in, readers answered"),
        _format_time_unit(insight),
        sentence if received else "",
        (_("From"), _("Letters in"), _("Questions among them"), _("Q&As that ran"), _("Readers answered")),
        [
            (label, letter_count, get_counter(span.figures, "kinds")["question"], counter["ran"], counter["readers"])
            for label, letter_count, span, counter in zip(labels, received, insight.spans, published, strict=True)
        ],
        charts.draw_bars_and_line(labels, received, answered, end_labels),
        [span.begins for span in insight.spans],
    )


def _format_time_unit(insight: Insight) -> str:
    weeks = insight.spans[0].weeks if insight.spans else 1
    return ngettext(
        "By week, from the day shown; the last one still runs",
        "By %(num)s weeks, from the day shown; the last ones still run",
        weeks,
    )


def _format_cell(number: int | None) -> str | int:
    return "" if number is None else number


def _speed_chart(desk: RequestContext, insight: Insight) -> Chart:
    """Return the chart of the days from first letter to publication."""
    days_by_span = [days_to_print(span.figures) for span in insight.spans]
    medians = [quantile(days, 0.5) for days in days_by_span]
    ninth_deciles = [quantile(days, 0.9) for days in days_by_span]
    labels = [_format_span_start(desk, span.begins) for span in insight.spans]
    all_days = days_to_print(insight.total)
    sentence = _(
        "Overall, half ran within %(half)s days and nine in ten within %(most)s.",
        half=quantile(all_days, 0.5),
        most=quantile(all_days, 0.9),
    )
    newest_first = zip(reversed(medians), reversed(ninth_deciles), strict=True)
    last_median, last_decile = next(((median, decile) for median, decile in newest_first if median is not None), (0, 0))
    end_labels = (_("half by %(days)s", days=last_median), _("90 %% by %(days)s", days=last_decile))
    return Chart(
        "speed",
        _("From question to print"),
        _("Days: the dot is the median, the line runs to nine in ten"),
        sentence if all_days else "",
        (_("From"), _("Q&As that ran"), _("Median days"), _("Nine in ten within")),
        [
            (label, days.total(), _format_cell(median), _format_cell(decile))
            for label, days, median, decile in zip(labels, days_by_span, medians, ninth_deciles, strict=True)
            if all_days
        ],
        charts.draw_ranges(labels, medians, ninth_deciles, end_labels),
        [span.begins for span in insight.spans],
    )


def _experts_chart(desk: RequestContext, insight: Insight) -> Chart:
    """Return the chart of how often each expert was asked and answered."""
    total = insight.total
    asked, answered = get_counter(total, "asked"), get_counter(total, "answered")
    keys = rank_keys(asked, answered)
    names = expert_names(desk.session, [int(key) for key in keys])
    named_keys = [(names.get(int(key)) or _("no longer in the directory"), key) for key in keys]
    counters = (asked, answered, get_counter(total, "declined"), get_counter(total, "silent"))
    sentence = _(
        "Experts were asked %(asked)s times and answered %(answered)s times; the median text came after %(days)s days.",
        asked=asked.total(),
        answered=answered.total(),
        days=quantile(reply_days(total), 0.5) or 0,
    )
    return Chart(
        "experts",
        _("Experts’ response"),
        _("Outlined: asked; line: texts that came"),
        sentence if keys else "",
        (_("Expert"), _("Asked"), _("Answered"), _("Said no"), _("No text in time"), _("Median days")),
        [
            (name, *(counter[key] for counter in counters), _format_cell(quantile(reply_days(total, key), 0.5)))
            for name, key in named_keys
        ],
        charts.draw_rows([(name, asked[key], answered[key]) for name, key in named_keys]),
    )


def _topics_chart(desk: RequestContext, insight: Insight) -> Chart:
    names = {str(topic.id): topic.name for topic in topics_of(desk.session, desk.newsletter.id)}
    asked, ran = get_counter(insight.total, "topics_in"), get_counter(insight.total, "topics_out")
    rows = [(names[key], asked[key], ran[key]) for key in rank_keys(asked, ran) if key in names]
    sentence = _("Most letters are about %(topic)s: %(number)s.", topic=rows[0][0], number=rows[0][1]) if rows else ""
    unit, headers = _("Outlined: letters; line: Q&As that ran"), (_("Topic"), _("Letters"), _("Q&As that ran"))
    return Chart("topics", _("Topics"), unit, sentence, headers, rows, charts.draw_rows(rows))


def _counter_chart(
    counter_name: str, title: Any, header: Any, format_label: Callable[[str], str], unit: Any = LETTERS
) -> Callable[[RequestContext, Insight], Chart]:
    """Return a function that builds the chart of one counter of the figures, the largest number first."""

    def build_chart(desk: RequestContext, insight: Insight) -> Chart:
        numbers: Counter[str] = get_counter(insight.total, counter_name)
        rows = [(format_label(key), numbers[key]) for key in rank_keys(numbers)]
        sentence = ""
        if rows:
            label, number = rows[0]
            sentence = _("Most are %(what)s: %(number)s of %(all)s.", what=label, number=number, all=numbers.total())
        picture = charts.draw_rows([(label, number, None) for label, number in rows])
        return Chart(counter_name, str(title), str(unit), sentence, (str(header), str(LETTERS)), rows, picture)

    return build_chart


# By what a letter was filed as, or else its state.
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
    "flow": _flow_chart,
    "speed": _speed_chart,
    "experts": _experts_chart,
    "topics": _topics_chart,
    "channels": _counter_chart("channels", _l("How letters came"), _l("Way"), _label_getter(CHANNELS)),
    "kinds": _counter_chart(
        "kinds", _l("What letters were"), _l("Kind"), _label_getter(KINDS), _l("Letters; spam is counted only here")
    ),
    "languages": _counter_chart(
        "languages", _l("Languages"), _l("Language"), lambda code: format_language(code) or _("not known")
    ),
}
