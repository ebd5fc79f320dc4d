"""The tools to which an edition can be handed over: one row each. A new tool is a row and the module that it names.

No tool is ever asked to send.
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
    """A tool. `label` is its name. `form` is the export that it takes as HTML: the fragment "html" for a tool that adds
    its own template, the complete "mail" for one that doesn't.

    `at` returns the URL of its API from the key, and `desk` that of its pages, if they are the same for all customers.
    `key` is the pattern of a key and `audience` that of a list; `key_help` and `audience_help` say where to find them,
    "" if the tool has one list.
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
    """Make a harmless request that proves the key and the list. Raises `DraftError`."""
    try:
        tool.api.try_it(account)
    except Gone:
        raise DraftError("refused" if tool.audience else "address") from None


def hand_over(tool: Tool, account: Account, draft: Draft, draft_id: str = "") -> tuple[DraftRef, bool]:
    """Create the draft, or update the one with the id `draft_id`. Also return whether that one no longer existed.

    Raises `DraftError`.
    """
    try:
        try:
            return _create_or_update(tool, account, draft, draft_id)
        except DraftError as fault:
            if fault.why != "meanwhile":
                raise
            return _create_or_update(tool, account, draft, draft_id)  # with the current state of the draft
    except Gone:  # deleted between two requests, or there is no such tool
        raise DraftError("address") from None


def _create_or_update(tool: Tool, account: Account, draft: Draft, draft_id: str) -> tuple[DraftRef, bool]:
    """Search for the draft before creating one: the response that named it, or our record of it, may have been lost."""
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
