"""The rules for signing in, from the settings. Every database session has them in `session.info["sign_in"]`."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class SignInRules:
    """The time for which the desk stays signed in, and who needs a second factor besides the sign-in mail.

    A session ends after `idle_limit` without a request, and in any case after `total_limit`. A second factor is needed
    by people with one of the `second_factor_roles`, or, with `second_factor_if_shared`, by everybody at a desk that
    more than one person can open.
    """

    idle_limit: timedelta = timedelta(hours=24)
    total_limit: timedelta = timedelta(days=14)
    second_factor_roles: tuple[str, ...] = ()
    second_factor_if_shared: bool = False
