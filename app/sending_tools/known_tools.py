"""The table of the tools to which an edition can be handed over. A new tool is a row and the module that it names.

No tool is ever asked to send.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from ..text.languages import N_
from . import buttondown, ghost, listmonk, mailchimp
from .tool_api import Account, DraftError, DraftRef, EditionDraft, NotFound


@dataclass(frozen=True)
class Tool:
    """A tool; `label` is its own name, and `api` its module in this package.

    - `export` is the export that it gets as HTML: the fragment "html" for a tool that adds its own template, the
      complete "mail" for a tool that doesn't.
    - `key_help` and `audience_help` say where to find a key and the ID of a list; "" if the tool has just one list.
    - `get_api_url` and `get_desk_url` return the URLs of the API and of the tool's pages for a key. They are None for a
      tool that newsrooms host themselves.
    """

    name: str
    label: str
    api: ModuleType
    export: str
    key_help: str
    audience_help: str = ""
    get_api_url: Callable[[str], str] | None = None
    get_desk_url: Callable[[str], str] | None = None

    @property
    def key_pattern(self) -> re.Pattern[str]:
        pattern: re.Pattern[str] = self.api.KEY
        return pattern

    @property
    def audience_pattern(self) -> re.Pattern[str] | None:
        """The pattern of the ID of a list, or None if the tool has just one list."""
        pattern: re.Pattern[str] | None = getattr(self.api, "AUDIENCE", None)
        return pattern


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
            N_("The numbers of the lists that it goes to, separated by commas, e.g. 3, 5."),
        ),
        Tool(
            "buttondown",
            "Buttondown",
            buttondown,
            "html",
            N_("An API key: Settings, API. It needs to write e-mails, not to send them."),
            get_api_url=lambda _key: buttondown.API_URL,
            get_desk_url=lambda _key: buttondown.DESK_URL,
        ),
        Tool(
            "mailchimp",
            "Mailchimp",
            mailchimp,
            "mail",
            N_("An API key, which ends like -us21: Account, Extras, API keys. It may do all that you may."),
            N_("The audience’s ID: Audience, Settings, e.g. 3a5b7c9d1e."),
            get_api_url=mailchimp.get_api_url,
            get_desk_url=mailchimp.get_desk_url,
        ),
    )
}


def verify_account(tool: Tool, account: Account) -> None:
    """Make a harmless request that proves the key and the list. Raises `DraftError`."""
    try:
        tool.api.verify_account(account)
    except NotFound:
        raise DraftError("refused" if tool.audience_pattern else "address") from None


def hand_over(tool: Tool, account: Account, draft: EditionDraft, draft_id: str = "") -> tuple[DraftRef, bool]:
    """Create the draft, or update an earlier one: that with the ID `draft_id`, or else with the same mark.

    Return where it is, and whether the draft `draft_id` no longer existed. Raises `DraftError`.
    """
    try:
        try:
            return _create_or_update(tool, account, draft, draft_id)
        except DraftError as error:
            if error.code != "meanwhile":
                raise
            return _create_or_update(tool, account, draft, draft_id)  # this fetches the draft as it is now
    except NotFound:  # deleted between two requests, or there is no such tool
        raise DraftError("address") from None


def _create_or_update(tool: Tool, account: Account, draft: EditionDraft, draft_id: str) -> tuple[DraftRef, bool]:
    """Make one attempt of `hand_over`. Raises `DraftError` and `NotFound`."""
    existing_draft, was_gone = None, False
    if draft_id:
        try:
            existing_draft = tool.api.fetch_draft(account, draft_id)
        except NotFound:
            was_gone = True
    if existing_draft is None:
        # There may be a draft all the same: the response with its ID, or our record of it, may have been lost.
        found_id = tool.api.find_draft_id(account, draft)
        if found_id:
            existing_draft = tool.api.fetch_draft(account, found_id)
    if existing_draft is None:
        return tool.api.create_draft(account, draft), was_gone
    if not tool.api.is_draft(existing_draft):
        raise DraftError("sent")
    return tool.api.update_draft(account, existing_draft, draft), was_gone
