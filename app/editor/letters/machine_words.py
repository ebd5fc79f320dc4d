"""The page of a letter, on what the newsroom's own machine made of it."""

from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l

from ...letters import machine_translation
from ...letters.models import Letter
from ..frame import RequestContext

FAULTS = {
    "unreachable": _l("The newsroom’s own machine couldn’t be reached, or broke off."),
    "slow": _l("The newsroom’s own machine took too long."),
    "refused": _l("The newsroom’s own machine doesn’t know one of the two languages, or couldn’t take the letter."),
    "key": _l("The newsroom’s own machine didn’t take the key that the settings have for it."),
    "busy": _l("The newsroom’s own machine has too much to do. Try it again in a minute."),
    "broken": _l("Something went wrong in the newsroom’s own machine."),
    "garbage": _l("What answered is no machine that we know: whoever runs the house can check the settings."),
    "lost": _l("The answer of the newsroom’s own machine never came: our worker was stopped meanwhile."),
}


def of_letter(desk: RequestContext, item: Letter) -> dict[str, Any]:
    """Return what its page needs: how the translation stands, and whether one can be asked for (again)."""
    row = machine_translation.find_translation(desk.session, item)
    machine = machine_translation.read_translation(desk.session, item, row) if row else None
    foreign = item.language.partition("-")[0] != desk.newsletter.language.partition("-")[0]
    is_on = current_app.config["TRANSLATION_SERVER"] is not None
    asks = machine is None or bool(machine.fault)
    return {
        "machine": machine,
        "machine_faults": FAULTS,
        "can_translate": is_on and foreign and asks and not machine_translation.get_refusal_reason(item),
    }
