"""The desk: this edition, letters, questions, experts, outbox, settings. For staff, by newsletter."""

from werkzeug.utils import find_modules, import_string

from .frame import editor

__all__ = ["editor"]

for module in find_modules(__name__, recursive=True):
    import_string(module)  # those that have pages hang them on the door
