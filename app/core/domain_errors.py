"""Errors of the domain. Each has a stable code, `<family>.<key>`, which the doors map to a sentence and a status.

Codes are part of the API: they are listed in `web/error_sentences.py`, and keep their meaning once they are released.
"""

from typing import ClassVar


class DomainError(Exception):
    """A rule of the domain forbids the change, and nothing was changed. `field` names the invalid value, if any."""

    code: str
    field: str = ""


class InvalidTransition(DomainError):
    """The row's state does not allow this move."""

    code = "transition.invalid"

    def __init__(self, noun: str, action: str, state: str | None) -> None:
        super().__init__(f"{noun} is {state}: no {action}")
        self.noun, self.action, self.state = noun, action, state


class PermissionDenied(DomainError):
    """The actor may not do this. The doors answer 404, so that the object's existence is not revealed."""

    code = "permission.denied"


class VersionConflict(DomainError):
    """The row was changed by someone else since the actor read it."""

    code = "version.conflict"


class MissingPrecondition(DomainError):
    """Something that the act requires is missing; `key` is the second part of the code."""

    family: ClassVar[str] = "precondition"

    def __init__(self, key: str) -> None:
        self.code = f"{self.family}.{key}"
        super().__init__(self.code)


class MissingField(MissingPrecondition):
    """A required value is empty."""

    family = "required"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class InvalidField(MissingPrecondition):
    """A value is not valid."""

    family = "invalid"

    def __init__(self, key: str, field: str) -> None:
        super().__init__(key)
        self.field = field


class TooLong(DomainError):
    """A text has more than `max_length` characters. Texts are never truncated."""

    def __init__(self, field: str, max_length: int) -> None:
        self.code, self.field, self.max_length = f"too_long.{field}", field, max_length
        super().__init__(f"{self.code}: {max_length} characters at most")
