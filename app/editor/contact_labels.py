"""The desk's words for an expert's contact status, a row of `people/contact_status.py`."""

from flask_babel import gettext as _

from ..people.contact_status import ContactStatus
from ..people.models import Expert
from ..web.formatting import day
from .frame import editor


@editor.app_template_filter("contact_label")
def format_contact_label(status: ContactStatus, expert: Expert) -> str:
    """Return the status in a few words, for a list that names the expert."""
    return _(status.label) % _values(expert)


@editor.app_template_filter("contact_sentence")
def format_contact_sentence(status: ContactStatus, expert: Expert) -> str:
    """Return the status as a sentence for whoever is about to write to the expert; "" if nothing has to be said."""
    return _(status.sentence) % _values(expert) if status.sentence else ""


def _values(expert: Expert) -> dict[str, str]:
    return {"name": expert.name, "day": day(expert.away_until, "short") if expert.away_until else ""}
