"""The desk for staff, one per newsletter: editions, letters, questions, experts, mail, archive and settings."""

from werkzeug.utils import find_modules, import_string

from .frame import editor

__all__ = ["editor"]

for module in find_modules(__name__, recursive=True):
    import_string(module)  # registers the views of the modules that have pages
