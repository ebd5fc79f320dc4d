"""The tools that an edition can be handed to: one row each. A new one is a row here and the module that it names.

None of them is ever asked to send.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from ..text.languages import N_
from . import buttondown, ghost, listmonk, mailchimp
from .asking import Account, Draft, DraftError, DraftRef, Gone


@dataclass(frozen=True)
class Tool:
    """`label` is its own name. `form` is the form of export that it takes as HTML: its own templates stand around the
    fragment "html", and nothing around the whole "mail".

    `at` gives from the key where its API is, where it has one address for everybody; `desk` the same of the pages on
    which one works. `key` is what a key looks like, `audience` what the list does, and `key_help` and `audience_help`
    say where both are found; "" where it has one list.
    """

    name: str
    label: str
    api: ModuleType
    form: str
    key_help: str
    audience_help: str = ""
    at: Callable[[str], str] | None = None
    desk: Callable[[str], str] | None = None

    @property
    def key(self) -> re.Pattern[str]:
        found: re.Pattern[str] = self.api.KEY
        return found

    @property
    def audience(self) -> re.Pattern[str] | None:
        found: re.Pattern[str] | None = getattr(self.api, "AUDIENCE", None)
        return found


TOOLS = {
    row.name: row
    for row in (
        Tool(
            "ghost",
            "Ghost",
            ghost,
            "html",
            N_("The Admin API key of a custom integration: Settings, Integrations, Add custom integration."),
        ),
        Tool(
            "listmonk",
            "listmonk",
            listmonk,
            "html",
            N_("The name of an API user, a colon, and its token: Admin, Users. It sees lists and manages campaigns."),
            N_("The numbers of the lists that it goes to, with commas between, e.g. 3, 5."),
        ),
        Tool(
            "buttondown",
            "Buttondown",
            buttondown,
            "html",
            N_("An API key: Settings, API. Writing e-mails is enough; it need not be able to send."),
            at=lambda _key: buttondown.ADDRESS,
            desk=lambda _key: buttondown.DESK,
        ),
        Tool(
            "mailchimp",
            "Mailchimp",
            mailchimp,
            "mail",
            N_("An API key, which ends like -us21: Account, Extras, API keys. It may do all that you may."),
            N_("The audience’s ID: Audience, Settings, e.g. 3a5b7c9d1e."),
            at=mailchimp.address_of,
            desk=mailchimp.desk_of,
        ),
    )
}


def try_it(tool: Tool, account: Account) -> None:
    """Ask for something harmless that proves the key and the list. Raises `DraftError`."""
    try:
        tool.api.try_it(account)
    except Gone:
        raise DraftError("refused" if tool.audience else "address") from None


def hand_over(tool: Tool, account: Account, draft: Draft, draft_id: str = "") -> tuple[DraftRef, bool]:
    """Make the draft, or bring the one up to date that is `draft_id` there; and say whether the known one was gone.

    Raises `DraftError`.
    """
    try:
        try:
            return _create_or_update(tool, account, draft, draft_id)
        except DraftError as fault:
            if fault.why != "meanwhile":
                raise
            return _create_or_update(tool, account, draft, draft_id)  # it is looked at anew
    except Gone:  # between two requests, or there is no such tool
        raise DraftError("address") from None


def _create_or_update(tool: Tool, account: Account, draft: Draft, draft_id: str) -> tuple[DraftRef, bool]:
    """Before a draft is made, one is looked for that was made: its answer may have been lost, or what is known."""
    there, was_gone = None, False
    if draft_id:
        try:
            there = tool.api.look(account, draft_id)
        except Gone:
            was_gone = True
    if there is None and (found := tool.api.find(account, draft)):
        there = tool.api.look(account, found)
    if there is None:
        return tool.api.create(account, draft), was_gone
    if not tool.api.is_draft(there):
        raise DraftError("sent")
    return tool.api.update(account, there, draft), was_gone
