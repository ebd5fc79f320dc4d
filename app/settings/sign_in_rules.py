"""The rules of signing in that the settings say. The session carries them as it carries the keys."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class SignInRules:
    """The time for which the desk's people stay signed in, in a browser that `rests` and in `any`; and the `roles` that
    need a second factor beside their mail."""

    rests: timedelta = timedelta(hours=24)
    any: timedelta = timedelta(days=14)
    roles: tuple[str, ...] = ()
