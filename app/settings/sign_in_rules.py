"""The sign-in rules of the settings. They are in a database session's `info`, like the keys."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class SignInRules:
    """The time that members of the desk stay signed in, without activity (`rests`) and in total (`any`), and the
    `roles` that need a second factor besides the sign-in mail."""

    rests: timedelta = timedelta(hours=24)
    any: timedelta = timedelta(days=14)
    roles: tuple[str, ...] = ()
