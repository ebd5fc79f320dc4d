"""Insights into a newsletter's desk, added up from its counted weeks: never from the letters themselves."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import CountedWeek

Figures = dict[str, Counter[str]]
"""Numbers by name and key. Of letters: `channels`, `languages`, `kinds`, `topics_in` (by the topic's key). Of what ran:
`out` (ran, readers), `days` from the first letter to print, `topics_out`. Of experts by their key: `asked`, `answered`,
`declined`, `silent`, and `reply_days` ("7 3": the seventh expert answered after three days)."""

POINTS = 26  # that a chart shows at most
STEPS = (1, 4, 13, 52)  # weeks that stand together in one point


@dataclass(frozen=True)
class Span:
    """A few weeks of a chart: the day on which they begin, how many they are, and their figures."""

    begins: date
    weeks: int
    figures: Figures


@dataclass(frozen=True)
class Insight:
    """A period: its spans in order of time, all of it together, and when its newest week was counted."""

    spans: list[Span]
    total: Figures
    counted_at: datetime | None


def load_insight(session: Session, newsletter_id: int, weeks: int | None, last_week: date) -> Insight:
    """The last so many weeks up to the one that begins on `last_week`; without a number all that there are."""
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
    """Return how many texts came after so many days, of all experts or of one."""
    days: Counter[int] = Counter()
    for key, number in get_counter(figures, "reply_days").items():
        whose, day = key.split()
        if expert in (None, whose):
            days[int(day)] += number
    return days


def days_to_print(figures: Figures) -> Counter[int]:
    return Counter({int(day): number for day, number in get_counter(figures, "days").items()})


def nth(days: Counter[int], share: float) -> int | None:
    """The number of days within which this share of all lay (0.5: the median, by nearest rank); None of nothing."""
    rank, passed = math.ceil(share * days.total()), 0
    for day in sorted(days):
        passed += days[day]
        if passed >= rank > 0:
            return day
    return None


def rank_keys(*counters: Counter[str]) -> Sequence[str]:
    """The keys of several counters, those with the most of the first one at the top."""
    keys = set[str]().union(*counters)
    return sorted(keys, key=lambda key: (*(-counter[key] for counter in counters), key))
