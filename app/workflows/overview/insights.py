"""Statistics for the Insights page, summed up from the counted weeks and never from the letters themselves."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import CountedWeek

# Counts by name and key, from `weekly_counts`:
# - of letters: `channels`, `languages`, `kinds`, `topics_in` (by the key of the topic);
# - of published questions: `out` (keys "ran" and "readers"), `days` (from the first letter to print), `topics_out`;
# - of experts, by their key: `asked`, `answered`, `declined`, `silent`;
# - of answers: `reply_days` ("7 3": the expert with the key 7 answered after three days).
Figures = dict[str, Counter[str]]

MAX_POINTS = 26  # in a chart
WEEKS_PER_POINT = (1, 4, 13, 52)  # the possible numbers


@dataclass(frozen=True)
class Span:
    """The weeks of one point of a chart: the first day, the number of weeks, and the total of their figures."""

    begins: date
    weeks: int
    figures: Figures


@dataclass(frozen=True)
class Insight:
    """The statistics of a period: its spans in chronological order, their total, and when its last week was counted."""

    spans: list[Span]
    total: Figures
    counted_at: datetime | None


def load_insight(session: Session, newsletter_id: int, weeks: int | None, last_week: date) -> Insight:
    """Load the statistics up to the week that begins on `last_week`, of `weeks` weeks or, if that is None, of all."""
    query = select(CountedWeek).where(CountedWeek.newsletter_id == newsletter_id, CountedWeek.begins <= last_week)
    if weeks is not None:
        query = query.where(CountedWeek.begins > last_week - timedelta(weeks=weeks))
    counted_weeks = {week.begins: week for week in session.scalars(query)}
    if not counted_weeks:
        return Insight([], sum_figures([]), None)
    first_week = min(counted_weeks)
    week_count = (last_week - first_week).days // 7 + 1
    weeks_per_point = _choose_weeks_per_point(week_count)
    point_count = math.ceil(week_count / weeks_per_point)
    # The last span ends with the last week, so the first one may begin before the first week.
    start = last_week - timedelta(weeks=point_count * weeks_per_point - 1)
    spans = [
        _build_span(counted_weeks, start + timedelta(weeks=number * weeks_per_point), weeks_per_point)
        for number in range(point_count)
    ]
    newest_week = counted_weeks[max(counted_weeks)]
    return Insight(spans, sum_figures(span.figures for span in spans), newest_week.counted_at)


def _choose_weeks_per_point(week_count: int) -> int:
    """Return the smallest number of weeks per point that leaves `MAX_POINTS` points or less, or else the largest."""
    for weeks_per_point in WEEKS_PER_POINT:
        if math.ceil(week_count / weeks_per_point) <= MAX_POINTS:
            return weeks_per_point
    return WEEKS_PER_POINT[-1]


def _build_span(weeks_by_start: dict[date, CountedWeek], begins: date, weeks: int) -> Span:
    span_weeks = [weeks_by_start.get(begins + timedelta(weeks=offset)) for offset in range(weeks)]
    return Span(begins, weeks, sum_figures(week.figures for week in span_weeks if week))


def sum_figures(weekly_figures: Iterable[dict[str, dict[str, int]] | Figures]) -> Figures:
    """Return the total of the figures of several weeks."""
    total: Figures = {}
    for figures in weekly_figures:
        for name, counts in figures.items():
            total.setdefault(name, Counter()).update(counts)
    return total


def get_counter(figures: Figures, name: str) -> Counter[str]:
    """Return the counts of one name. The counter is empty if there are none."""
    return figures.get(name, Counter())


def count_letters(figures: Figures) -> int:
    return get_counter(figures, "channels").total()


def reply_days(figures: Figures, expert: str | None = None) -> Counter[int]:
    """Return how many texts arrived after each number of days, from all experts or from the one with this key."""
    days: Counter[int] = Counter()
    for key, count in get_counter(figures, "reply_days").items():  # "7 3": expert and number of days
        expert_key, day = key.split()
        if expert is None or expert == expert_key:
            days[int(day)] += count
    return days


def days_to_print(figures: Figures) -> Counter[int]:
    """Return how many questions ran after each number of days from their first letter."""
    return Counter({int(day): count for day, count in get_counter(figures, "days").items()})


def quantile(days: Counter[int], share: float) -> int | None:
    """Return a quantile of the days (0.5: the median) by nearest rank, or None without any data."""
    rank = math.ceil(share * days.total())
    if rank == 0:
        return None
    cumulative_count = 0
    for day in sorted(days):
        cumulative_count += days[day]
        if cumulative_count >= rank:
            return day
    return None


def rank_keys(*counters: Counter[str]) -> Sequence[str]:
    """Return the keys of several counters, sorted by descending counts in the first one, then in the others."""
    keys = set[str]().union(*counters)
    return sorted(keys, key=lambda key: (*(-counter[key] for counter in counters), key))
