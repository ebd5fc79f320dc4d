"""The press that lets the newsroom's own machine translate a letter."""

from flask import current_app

from ...core.state_machine import InvalidTransition
from ...letters import machine_translation
from ...letters.models import Letter
from ..conflict import check_unchanged
from ..frame import Desk
from .letter_pages import Done, letter_address, letter_press


@letter_press("translate")
def letter_translate(desk: Desk, one: Letter) -> Done:
    """Ask for it, once: what waits or is there is not asked for again."""
    if current_app.config["TRANSLATION_SERVER"] is None:
        raise InvalidTransition("letter", "translate", one.state)
    check_unchanged(desk, one)
    machine_translation.ask(desk.session, desk.actor, one, desk.newsletter.language)
    return Done(letter_address(desk, one), "")
