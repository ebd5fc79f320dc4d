"""The press that lets the newsroom's own machine translate a letter."""

from flask import current_app

from ...core.state_machine import InvalidTransition
from ...letters import machine_translation
from ...letters.models import Letter
from ..conflict import check_unchanged
from ..frame import RequestContext
from .letter_pages import Done, letter_address, letter_press


@letter_press("translate")
def letter_translate(desk: RequestContext, letter: Letter) -> Done:
    """Ask for it, once: what waits or is there is not asked for again."""
    if current_app.config["TRANSLATION_SERVER"] is None:
        raise InvalidTransition("letter", "translate", letter.state)
    check_unchanged(desk, letter)
    machine_translation.ask(desk.session, desk.actor, letter, desk.newsletter.language)
    return Done(letter_address(desk, letter), "")
