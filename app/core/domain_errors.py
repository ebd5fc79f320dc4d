"""Errors of the domain. Each has a stable code, `<family>.<key>`, which the doors map to a sentence and a status.

Codes are part of the API: they are listed in `web/error_sentences.py`, and keep their meaning once they are released.
"""

from typing import ClassVar


class DomainError(Exception):
    """The domain does not allow this, and nothing was changed. `field` names the value at fault, where there is one."""

    code: str
    field: str = ""


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
    """Something that the act rests on is not there; `key` is the second part of the code."""

    family: ClassVar[str] = "precondition"

    def __init__(self, key: str) -> None:
        self.code = f"{self.family}.{key}"
        super().__init__(self.code)


class MissingField(MissingPrecondition):
    """A value that the act needs is empty."""

    family = "required"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class InvalidField(MissingPrecondition):
    """A value can't be taken as it is."""

    family = "invalid"

    def __init__(self, key: str, field: str) -> None:
        super().__init__(key)
        self.field = field


class TooLong(DomainError):
    """A text has more characters than `max_length`. It is never cut."""

    def __init__(self, field: str, max_length: int) -> None:
        self.code, self.field, self.max_length = f"too_long.{field}", field, max_length
        super().__init__(f"{self.code}: {max_length} characters at most")
