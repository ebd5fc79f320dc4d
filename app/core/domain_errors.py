"""Errors of the domain. Each has a stable code, `<family>.<key>`, which the doors map to a sentence and a status.

Codes are part of the API: they are listed in `web/error_sentences.py`, and keep their meaning once they are released.
"""


class DomainError(Exception):
    """The domain does not allow this, and nothing was changed. `field` names the value at fault, where there is one."""

    code: str
    field: str | None = None


class InvalidTransition(DomainError):
    """The move does not start from where the row stands."""

    code = "transition.invalid"

    def __init__(self, noun: str, action: str, state: str | None) -> None:
        super().__init__(f"{noun} is {state}: no {action}")
        self.noun, self.action, self.state = noun, action, state


class PermissionDenied(DomainError):
    """This actor may not do this. The doors answer as if the thing did not exist."""

    code = "permission.denied"


class VersionConflict(DomainError):
    """Somebody else changed the row since it was read."""

    code = "version.conflict"


class MissingPrecondition(DomainError):
    """A fact that the move rests on is not there; `fact` is the name of the need."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"missing: {fact}")
        self.fact = fact


class TooLong(DomainError):
    """The text of `field` has more characters than `max_length`. It is never cut."""

    def __init__(self, field: str, max_length: int) -> None:
        self.code, self.field = f"too_long.{field}", field
        self.max_length = max_length
        super().__init__(f"{self.code}: {max_length} characters at most")
