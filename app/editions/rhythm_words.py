"""A calendar rule in words and back: "first and third Wednesday, 09:00, Europe/Prague".

`in_words` gives the parts, for a page to say in its own language; `english` says them; `from_words` reads them.
"""

import re
from dataclasses import dataclass
from datetime import date, time

from .calendar import CalendarError, Rhythm, read_rule, read_time, zone_of

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBERS = {word: number for number, word in ORDINALS.items()}
_NUMBERS |= {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "other": 2}
_DAYS = {name.lower(): number for number, name in enumerate(WEEKDAYS)}
_EXAMPLE = "write it like: first and third Wednesday, 09:00, Europe/Prague"


@dataclass(frozen=True)
class Words:
    """What a rule says. `days` pairs a weekday (0 is Monday) with its ordinals in the month (-1 is the last), or with
    none where it is every week, or every `weeks` weeks. `month_days` are days of the month."""

    at: time
    zone: str
    days: tuple[tuple[int, tuple[int, ...]], ...] = ()
    month_days: tuple[int, ...] = ()
    weeks: int = 1


def _by_day(value: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """BYDAY's parts by weekday, in the order in which the weekdays come."""
    days: dict[int, tuple[int, ...]] = {}
    for part in value.split(","):
        number, code = part[:-2], part[-2:]
        days[_CODES.index(code)] = (*days.get(_CODES.index(code), ()), *([int(number)] if number else []))
    return tuple(days.items())


def in_words(rule: str, at: time, zone: str) -> Words | None:
    """The parts of a rule, or None for a rule that these words can't say, which is then shown as it is."""
    parts = dict(part.split("=", 1) for part in rule.upper().removeprefix("RRULE:").split(";") if "=" in part)
    parts.pop("WKST", None)
    weeks = int(parts.pop("INTERVAL", "1"))
    match sorted(parts.items()):
        case [("BYDAY", value), ("FREQ", "WEEKLY")] if not re.search(r"\d", value):
            return Words(at, zone, _by_day(value), weeks=weeks)
        case [("BYDAY", value), ("FREQ", "MONTHLY")] if weeks == 1:
            days = _by_day(value)
            return Words(at, zone, days) if all(set(numbers) & ORDINALS.keys() for _, numbers in days) else None
        case [("BYDAY", value), ("BYSETPOS", places), ("FREQ", "MONTHLY")] if weeks == 1 and value in _CODES:
            return Words(at, zone, ((_CODES.index(value), tuple(map(int, places.split(",")))),))
        case [("BYMONTHDAY", value), ("FREQ", "MONTHLY")] if weeks == 1 and "-" not in value:
            return Words(at, zone, month_days=tuple(map(int, value.split(","))))
    return None


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def english(words: Words) -> str:
    """Say a rule in English."""
    if words.month_days:
        when = f"day {_and([str(day) for day in words.month_days])} of the month"
    elif any(numbers for _, numbers in words.days):
        when = _and(
            [f"{_and([ORDINALS[number] for number in numbers])} {WEEKDAYS[day]}" for day, numbers in words.days]
        )
    else:
        every = {1: "every", 2: "every second"}.get(words.weeks) or f"every {ORDINALS.get(words.weeks, words.weeks)}"
        when = f"{every} {_and([WEEKDAYS[day] for day, _ in words.days])}"
    return f"{when}, {words.at:%H:%M}, {words.zone}"


def _day_rule(tokens: list[str]) -> str:
    """Ordinals and weekdays as BYDAY: the ordinals before a weekday are its own."""
    codes: list[str] = []
    numbers: list[int] = []
    begun = False
    for word in tokens:
        if word in _NUMBERS and word != "other":
            numbers = [*numbers, _NUMBERS[word]] if begun else [_NUMBERS[word]]
            begun = True
        elif word.removesuffix("s") in _DAYS or word in _DAYS:
            if not numbers:
                raise CalendarError(f"Say which {word.capitalize()} of the month, or 'every'; {_EXAMPLE}.")
            code = _CODES[_DAYS[word.removesuffix("s")]]
            codes += [f"{number}{code}" for number in numbers]
            begun = False
        else:
            raise CalendarError(f"{word!r} is neither an ordinal nor a weekday; {_EXAMPLE}.")
    if begun or not codes:
        raise CalendarError(f"No weekday is named at the end; {_EXAMPLE}.")
    return "FREQ=MONTHLY;BYDAY=" + ",".join(codes)


def _week_rule(tokens: list[str]) -> str:
    weeks = 1
    if tokens and tokens[0] in _NUMBERS:
        weeks, tokens = _NUMBERS[tokens[0]], tokens[1:]
    unknown = [token for token in tokens if token.removesuffix("s") not in _DAYS]
    if unknown or not tokens or weeks < 1:
        raise CalendarError(f"{(unknown or ['every'])[0]!r} is not a weekday; {_EXAMPLE}.")
    codes = ",".join(_CODES[_DAYS[token.removesuffix("s")]] for token in tokens)
    return "FREQ=WEEKLY;" + (f"INTERVAL={weeks};" if weeks > 1 else "") + f"BYDAY={codes}"


def from_words(text: str, start: date) -> Rhythm:
    """Read a rule in English words. Raises CalendarError with a sentence that says what isn't understood."""
    parts = [part.strip() for part in text.rsplit(",", 2)]
    if len(parts) != 3 or not all(parts):
        raise CalendarError(f"Three parts are needed, the days, the time and the time zone; {_EXAMPLE}.")
    when, at, zone = parts
    said = re.sub(r"\bof (the|each|every) month\b|\bthe\b", "", when.lower())
    tokens = [token for token in re.findall(r"[^\s,]+", said) if token not in ("and", "&", "on")]
    if tokens[:1] == ["every"]:
        rule = _week_rule(tokens[1:])
    elif tokens[:1] in (["day"], ["days"]):
        if len(tokens) < 2 or not all(token.isdecimal() and 1 <= int(token) <= 31 for token in tokens[1:]):
            raise CalendarError(f"The days of the month are numbers from 1 to 31; {_EXAMPLE}.")
        rule = "FREQ=MONTHLY;BYMONTHDAY=" + ",".join(str(int(token)) for token in tokens[1:])
    else:
        rule = _day_rule(tokens)
    read_rule(rule, start)
    return Rhythm(rule, start, read_time(at), zone_of(zone).key)
