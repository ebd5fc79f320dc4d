"""Languages to choose from in the desk's forms: by their names, never by a code that has to be known."""

from flask_babel import gettext as _

from ..newsletters.models import Newsletter
from ..text.languages import guess_language, guessed_languages
from ..web.formatting import by_name
from .frame import editor


@editor.app_template_filter("language_choices")
def language_choices(newsletter: Newsletter, selected: str, unchosen: str) -> list[tuple[str, str]]:
    """List the newsletter's languages and all that can be guessed, as (code, name); `unchosen` names no choice."""
    codes = {newsletter.language, *newsletter.languages, *guessed_languages(), selected}
    listed = by_name(codes)
    return listed if selected in dict(listed) else [("", unchosen), *listed]


@editor.app_template_filter("looks_like")
def looks_like(text: str, language: str) -> str:
    """Return what is said beside the language of words that look like another; empty where they look like it."""
    guess = guess_language(text)
    name = dict(by_name([guess])).get(guess, "")
    return _("These words look like %(language)s.", language=name) if name and guess != language else ""
