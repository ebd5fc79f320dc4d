"""Domain errors. Each has a stable code, `<family>.<key>`, which the pages map to a sentence and an HTTP status.

`web/error_sentences.py` lists all codes. They are part of the API: a released code keeps its meaning.
"""

from collections.abc import Sequence
from typing import ClassVar


class DomainError(Exception):
    """A rule of the domain forbids the change, and nothing was changed. `field` is the invalid form field, if any."""

    code: str
    field: str = ""


class InvalidTransition(DomainError):
    """The row's state does not allow this move."""

    code = "transition.invalid"

    def __init__(self, noun: str, action: str, state: str | None) -> None:
        super().__init__(f"{noun} is {state}: no {action}")
        self.noun, self.action, self.state = noun, action, state


class PressedTooSoon(DomainError):
    """The move takes back the last one, and its form was shown less than `state_machine.PAUSE` ago."""

    code = "transition.too_soon"


class PermissionDenied(DomainError):
    """The actor may not do this. Pages answer 404, in order not to reveal whether the object exists."""

    code = "permission.denied"


class VersionConflict(DomainError):
    """The row was changed by someone else since the actor read it."""

    code = "version.conflict"


class MissingPrecondition(DomainError):
    """Something that the action requires is missing. `key` is the second part of the code.

    `passages` are the parts of a text to which the action objects, for the message.
    """

    family: ClassVar[str] = "precondition"

    def __init__(self, key: str, passages: Sequence[str] = ()) -> None:
        self.code = f"{self.family}.{key}"
        self.passages = passages
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
    """A text has more than `max_length` characters. We refuse such texts instead of truncating them."""

    def __init__(self, field: str, max_length: int) -> None:
        self.code, self.field, self.max_length = f"too_long.{field}", field, max_length
        super().__init__(f"{self.code}: {max_length} characters at most")
