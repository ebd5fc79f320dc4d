"""The sending tool of a newsletter: its address, key and list, and a button that tests the connection."""

from dataclasses import replace
from typing import Any

from flask import current_app, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ... import audit
from ...core.domain_errors import VersionConflict
from ...crypto.seal import Unsealable
from ...forms.version_tokens import encode_token
from ...newsletters import sending_tool
from ...newsletters.sending_tool import MAX_LENGTHS, SendingTool, ToolForm
from ...newsletters.settings import InvalidSettings
from ...sending_tools.known_tools import TOOLS, verify_account
from ...sending_tools.tool_api import Account, DraftError
from .. import form_fields
from ..conflict import submitted_version
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction

TEST_TIMEOUT = 8.0  # seconds; somebody waits for the page
LABELS = {"tool": _l("The tool"), "address": _l("Address"), "key": _l("Key"), "audience": _l("List")}
# Faults of a tool, or of our request, by the code of `DraftError`.
FAULTS = {
    "key": _l("It rejects the key, or the key isn’t allowed to do this."),
    "address": _l("Nothing at this address answers like the tool. Check the address in the settings."),
    "inward": _l(
        "The address leads into a network that isn’t public. If it is the newsroom’s own, the operator can name its "
        "host in the setting OWN_HOSTS."
    ),
    "refused": _l("It can’t process the request. Look at the list in the settings: is it still there?"),
    "large": _l("It accepts nothing this large."),
    "sent": _l("It has been sent there already, or is about to be: nothing was touched."),
    "away": _l("It can’t be reached, is too slow, or has a fault of its own."),
    "quota": _l("It has had too many requests and asks us to wait."),
    "meanwhile": _l("Somebody is just saving the draft there."),
}
KEY_UNREADABLE = _l("The key can’t be opened here any more: type it again.")


@editor.get("/<slug>/settings/sending-tool")
def sending_tool_page(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_form(desk)


def _render_form(desk: RequestContext, form_data: ToolForm | None = None, faults: dict[str, Any] | None = None) -> str:
    tool = sending_tool.of_newsletter(desk.session, desk.newsletter.id)
    fault_sentences = {name: form_fields.format_fault(fault) for name, fault in (faults or {}).items()}
    return page(
        desk,
        "editor/settings/sending_tool.html",
        "settings",
        sending_tool=tool,
        form_data=form_data or _get_stored_form(tool),
        faults=fault_sentences,
        summary=[(name, f"{LABELS[name]}: {sentence}") for name, sentence in fault_sentences.items()],
        tools=TOOLS.values(),
        limits=MAX_LENGTHS,
        version_token=encode_token({"version": tool.version if tool else 0}),
    )


def _get_stored_form(tool: SendingTool | None) -> ToolForm:
    """Return the stored values, without the key, which is never shown again."""
    return ToolForm(tool.tool, tool.address, key="", audience=tool.audience) if tool else ToolForm("")


def _check_unchanged(desk: RequestContext) -> None:
    """Raise `VersionConflict` if the tool has changed since the page was opened."""
    tool = sending_tool.of_newsletter(desk.session, desk.newsletter.id)
    if submitted_version() != (tool.version if tool else 0):
        raise VersionConflict("the sending tool has changed")


@editor.action("/<slug>/settings/sending-tool", permission="settings")
def keep_sending_tool(slug: str) -> Response | tuple[str, int]:
    form_data = ToolForm(**{name: request.form.get(name, "") for name in ToolForm._fields})

    def fn(desk: RequestContext) -> None:
        _check_unchanged(desk)
        sending_tool.save_tool(desk.session, desk.actor, desk.newsletter, form_data, current_app.config["OWN_HOSTS"])

    try:
        run_in_transaction(slug, fn)
    except InvalidSettings as error:
        return rerender(slug, 422, _render_form, form_data._replace(key=""), error.faults)
    announce(_("Kept. Try it now: that sends nothing."))
    return _redirect_to_page(slug)


@editor.action("/<slug>/settings/sending-tool/try", permission="settings")
def try_sending_tool(slug: str) -> Response:
    """Test the connection with a harmless request, outside of any transaction, and announce the outcome."""

    def begin(desk: RequestContext) -> tuple[SendingTool, Account | None] | None:
        """Return the tool and its account, or None without a tool. The account is None if its key can't be unsealed."""
        tool = sending_tool.of_newsletter(desk.session, desk.newsletter.id)
        if tool is None:
            return None
        audit.record(desk.session, desk.actor, "newsletter.try_tool", desk.newsletter)
        try:
            account = sending_tool.account_of(desk.session, tool, current_app.config["OWN_HOSTS"])
        except Unsealable:
            return tool, None
        return tool, replace(account, timeout=TEST_TIMEOUT)

    tool_and_account = run_in_transaction(slug, begin)
    if tool_and_account is not None:
        announce(_try_tool(slug, *tool_and_account))
    return _redirect_to_page(slug)


def _try_tool(slug: str, tool: SendingTool, account: Account | None) -> str:
    """Test the connection and return the outcome as a sentence. If the tool accepts the key, record it as verified."""
    label = tool.row.label
    if account is None:
        return _("%(tool)s: %(what)s", tool=label, what=str(KEY_UNREADABLE))
    try:
        verify_account(tool.row, account)
    except DraftError as error:
        return _("%(tool)s: %(what)s", tool=label, what=str(FAULTS[error.code]))
    run_in_transaction(slug, lambda desk: sending_tool.mark_key_verified(desk.session, tool))
    return _("%(tool)s replied and accepted the key.", tool=label)


@editor.action("/<slug>/settings/sending-tool/forget", permission="settings")
def forget_sending_tool(slug: str) -> Response:
    def fn(desk: RequestContext) -> None:
        _check_unchanged(desk)
        sending_tool.forget(desk.session, desk.actor, desk.newsletter)

    run_in_transaction(slug, fn)
    announce(_("The tool and its key are removed here. The drafts in it stay there."))
    return _redirect_to_page(slug)


def _redirect_to_page(slug: str) -> Response:
    return redirect(url_for("editor.sending_tool_page", slug=slug), code=303)
