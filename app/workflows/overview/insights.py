"""Statistics for the Insights page, summed up from the counted weeks and never from the letters themselves."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import CountedWeek

Figures = dict[str, Counter[str]]
"""Counts by name and key. Letters: `channels`, `languages`, `kinds`, `topics_in` (by the key of the topic). Published
questions: `out` (ran, readers), `days` from the first letter to print, `topics_out`. Experts, by key: `asked`,
`answered`, `declined`, `silent`, and `reply_days` ("7 3": the expert with the key 7 answered after three days)."""

POINTS = 26  # the most points in a chart
STEPS = (1, 4, 13, 52)  # possible numbers of weeks per point


@dataclass(frozen=True)
class Span:
    """A point of a chart: the first day, the number of weeks, and their figures."""

    begins: date
    weeks: int
    figures: Figures


@dataclass(frozen=True)
class Insight:
    """A period: its spans in chronological order, their total, and when its newest week was counted."""

    spans: list[Span]
    total: Figures
    counted_at: datetime | None


def load_insight(session: Session, newsletter_id: int, weeks: int | None, last_week: date) -> Insight:
    """Load the last `weeks` weeks, up to the one that begins on `last_week`; all weeks if `weeks` is None."""
    query = select(CountedWeek).where(CountedWeek.newsletter_id == newsletter_id, CountedWeek.begins <= last_week)
    if weeks is not None:
        query = query.where(CountedWeek.begins > last_week - timedelta(weeks=weeks))
    counted = {week.begins: week for week in session.scalars(query)}
    first = min(counted, default=last_week)
    if weeks is not None:
        first = max(first, last_week - timedelta(weeks=weeks - 1))
    number = (last_week - first).days // 7 + 1
    step = next((step for step in STEPS if math.ceil(number / step) <= POINTS), STEPS[-1])
    first = last_week - timedelta(weeks=math.ceil(number / step) * step - 1)
    spans = [
        _build_span(counted, first + timedelta(weeks=offset), step)
        for offset in range(0, (last_week - first).days // 7 + 1, step)
    ]
    newest = max(counted.values(), key=lambda week: week.begins, default=None)
    return Insight(
        spans if counted else [], sum_figures(span.figures for span in spans), newest.counted_at if newest else None
    )


def _build_span(weeks_by_start: dict[date, CountedWeek], begins: date, weeks: int) -> Span:
    inside = (weeks_by_start.get(begins + timedelta(weeks=offset)) for offset in range(weeks))
    return Span(begins, weeks, sum_figures(week.figures for week in inside if week))


def sum_figures(parts: Iterable[dict[str, dict[str, int]] | Figures]) -> Figures:
    total: Figures = {}
    for part in parts:
        for name, numbers in part.items():
            total.setdefault(name, Counter()).update(numbers)
    return total


def get_counter(figures: Figures, name: str) -> Counter[str]:
    return figures.get(name, Counter())


def letters_in(figures: Figures) -> int:
    return get_counter(figures, "channels").total()


def reply_days(figures: Figures, expert: str | None = None) -> Counter[int]:
    """Return how many texts arrived after each number of days, from all experts or from the one with this key."""
    days: Counter[int] = Counter()
    for key, number in get_counter(figures, "reply_days").items():
        whose, day = key.split()
        if expert in (None, whose):
            days[int(day)] += number
    return days


def days_to_print(figures: Figures) -> Counter[int]:
    return Counter({int(day): number for day, number in get_counter(figures, "days").items()})


def nth(days: Counter[int], share: float) -> int | None:
    """Return the quantile for this share (0.5: the median) by nearest rank, in days; None without any data."""
    rank, passed = math.ceil(share * days.total()), 0
    for day in sorted(days):
        passed += days[day]
        if passed >= rank > 0:
            return day
    return None


def rank_keys(*counters: Counter[str]) -> Sequence[str]:
    """Return the keys of several counters, sorted by descending counts in the first one, then in the others."""
    keys = set[str]().union(*counters)
    return sorted(keys, key=lambda key: (*(-counter[key] for counter in counters), key))
