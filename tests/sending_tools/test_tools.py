"""A draft at each tool that sends: made, brought up to date, found again, left alone once it was sent; and every refusal."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.sending_tools.known_tools import TOOLS, hand_over, verify_account
from app.sending_tools.tool_api import LARGEST, DraftError, EditionDraft
from tests.support.fake_servers import CannedResponse
from tests.support.required_rows import RequiredRows
from tests.support.sending_tools import LOST_RESPONSE, ToolServer, run_tool_server
from tests.support.source import ROOT

DOCS = ROOT / "docs" / "drafts.md"
WORDS = "Who put {{ .Subscriber.Email }} and {% if x %} and *|EMAIL|* into the {steppe}?"
DRAFT = EditionDraft(
    "The Steppe Letter, Nora's *|FNAME|* {{ one }}",
    "Who put {{ it }} *|there|*?",
    f"<p>{WORDS}</p>",
    f"{WORDS}\n",
    "readers-asked-k3v9",
)
LATER = DRAFT._replace(title="The Steppe Letter: The Salt Wind", html="<p>Later words.</p>", text="Later words.\n")
LINKS = RequiredRows(
    "Say in LINKS of tests/sending_tools/test_tools.py where the first draft of {name} stands there.",
    {
        "ghost": "/ghost/#/editor/post/0000000001",
        "listmonk": "/admin/campaigns/1",
        "buttondown": "/emails/0000000001",
        "mailchimp": "/campaigns/edit?id=1",
    },
)


PARTS = ("KEY", "verify_account", "fetch_draft", "is_draft", "find_draft_id", "create_draft", "update_draft")


@pytest.mark.parametrize("name", TOOLS)
def test_each_tool_has_its_parts_and_its_row_in_the_docs(name: str) -> None:
    tool, module = TOOLS[name], f"{TOOLS[name].api.__name__.replace('.', '/')}.py"
    found = [
        f"{module} has no {part!r}: the recipe of CONTRIBUTING.md says what a tool that sends is made of."
        for part in PARTS
        if not hasattr(tool.api, part)
    ]
    if bool(tool.audience_help) != hasattr(tool.api, "AUDIENCE"):
        found.append(
            f"AUDIENCE of {module} and `audience_help` in its row of known_tools.py go together: {name!r} has one."
        )
    if bool(tool.get_api_url) != bool(tool.get_desk_url):
        found.append(
            f"`get_api_url` and `get_desk_url` in the row of known_tools.py go together: {name!r} has one of them."
        )
    if not re.search(rf"^\| {tool.label}\b", DOCS.read_text("utf-8"), re.MULTILINE):
        found.append(
            f"The table of docs/drafts.md has no row that begins with {tool.label!r}: say there what its key may do."
        )
    assert not found, "\n".join(found)


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> Iterator[ToolServer]:
    with run_tool_server(request.param) as server:
        yield server
        assert server.sending_paths == [], "nothing that sends is ever asked"


def get_refusal(tool: ToolServer, known: str = "", key: str = "", limit: float = 20.0) -> tuple[str, int | None]:
    with pytest.raises(DraftError) as refused:
        hand_over(tool.tool, tool.get_account(key, limit), DRAFT, known)
    return refused.value.code, refused.value.retry_after


def test_a_second_press_changes_the_same_draft(tool: ToolServer) -> None:
    made, was_gone = hand_over(tool.tool, tool.get_account(), DRAFT)
    assert (made.link, was_gone) == (LINKS[tool.name], False)
    assert hand_over(tool.tool, tool.get_account(), LATER, made.id) == (made, False)
    assert (tool.only_draft.status, "Later words." in tool.only_draft.html) == ("draft", True)
    assert tool.only_draft.text == ("Later words.\n" if tool.name in ("listmonk", "mailchimp") else "")


def render_as_tool(name: str, text: str) -> str:
    """What the tool's own templates make of a text: a constant of Go's is itself, an entity is its sign."""
    return text.replace('{{"{{"}}', "{{").replace("&#123;", "{").replace("&#124;", "|").replace("\N{WORD JOINER}", "")


MARKS: RequiredRows[tuple[str, ...]] = RequiredRows(
    "Say in MARKS of tests/sending_tools/test_tools.py which signs {name} reads as its own template.",
    {"ghost": (), "listmonk": ("{{ ",), "buttondown": ("{{", "{%"), "mailchimp": ("*|",)},
)


@pytest.mark.threat("hostile words")
def test_somebodys_words_are_no_template_of_the_tool(tool: ToolServer) -> None:
    hand_over(tool.tool, tool.get_account(), DRAFT)
    parts = (tool.only_draft.title, tool.only_draft.excerpt, tool.only_draft.html, tool.only_draft.text)
    assert [mark for mark in MARKS[tool.name] for part in parts if mark in part] == []
    html = tool.only_draft.html.removeprefix("<!-- buttondown-editor-mode: fancy -->\n")
    assert (render_as_tool(tool.name, html), render_as_tool(tool.name, tool.only_draft.title)) == (
        DRAFT.html,
        DRAFT.title,
    )
    assert render_as_tool(tool.name, tool.only_draft.excerpt) == ("" if tool.name == "listmonk" else DRAFT.excerpt)


def test_a_draft_that_was_deleted_there_is_made_anew(tool: ToolServer) -> None:
    made, _ = hand_over(tool.tool, tool.get_account(), DRAFT)
    tool.drafts.clear()
    again, was_gone = hand_over(tool.tool, tool.get_account(), LATER, made.id)
    assert (again.id == made.id, was_gone, tool.only_draft.id) == (False, True, again.id)


@pytest.mark.parametrize("status", ["sent", "scheduled"])
def test_what_was_sent_there_is_not_touched(tool: ToolServer, status: str) -> None:
    made, _ = hand_over(tool.tool, tool.get_account(), DRAFT)
    tool.only_draft.status = status
    before = (tool.only_draft.title, tool.only_draft.html, tool.only_draft.text)
    assert get_refusal(tool, made.id) == ("sent", None)
    assert (tool.only_draft.title, tool.only_draft.html, tool.only_draft.text) == before


def test_a_lost_answer_leaves_one_draft_and_no_second(tool: ToolServer) -> None:
    tool.responses = [None, LOST_RESPONSE]
    assert get_refusal(tool) == ("away", None)
    made, _ = hand_over(tool.tool, tool.get_account(), LATER)
    assert (tool.only_draft.id, "Later words." in tool.only_draft.html) == (made.id, True)


def test_a_draft_of_somebody_elses_is_left_alone(tool: ToolServer) -> None:
    theirs = tool.create_draft(title=DRAFT.title, html="<p>By hand.</p>", marks=("theirs",))
    hand_over(tool.tool, tool.get_account(), DRAFT)
    assert (len(tool.drafts), theirs.html) == (2, "<p>By hand.</p>")


REFUSALS = {
    "key": CannedResponse({"errors": []}, 401),
    "key, too": CannedResponse({"errors": []}, 403),
    "large": CannedResponse(b"", 413),
    "quota": CannedResponse({"detail": "slow down"}, 429, {"Retry-After": "120"}),
    "away": CannedResponse(b"broken", 500),
    "away: a gateway": CannedResponse(b"<h1>Bad gateway</h1>", 502),
    "away: slow": CannedResponse({"id": "never"}, byte_delay=0.2),
    "away: too large": CannedResponse(b'{"x": "' + b"x" * LARGEST + b'"}'),
    "address": CannedResponse(b"<html>Welcome</html>"),
    "address: elsewhere": CannedResponse(b"", 302, {"Location": "https://elsewhere.example/"}),
    "address: a list": CannedResponse([1, 2]),
    "address: another shape": CannedResponse({"posts": "x", "data": [], "results": 1, "campaigns": {}}),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_refusal_has_its_name_and_nothing_is_made(tool: ToolServer, refusal: str) -> None:
    tool.responses = [REFUSALS[refusal]] * 3
    name = refusal.partition(":")[0].partition(",")[0]
    assert get_refusal(tool, limit=0.5) == (name, 120 if name == "quota" else None)
    assert tool.drafts == {}


def test_a_key_that_is_wrong_is_not_taken(tool: ToolServer) -> None:
    wrong = {"ghost": f"{'0' * 24}:{'0' * 64}", "mailchimp": f"{'0' * 32}-us21"}.get(
        tool.name, "desk:wrong-key-of-mine"
    )
    assert get_refusal(tool, key=wrong)[0] == "key"
    with pytest.raises(DraftError, match="key"):
        verify_account(tool.tool, tool.get_account(wrong))


def test_a_tool_is_tried_by_a_look_alone(tool: ToolServer) -> None:
    verify_account(tool.tool, tool.get_account())
    assert {method for method, _path in tool.requests} == {"GET"}
    tool.responses = [CannedResponse({}, 404)]
    with pytest.raises(DraftError, match="refused" if tool.tool.audience_pattern else "address"):
        verify_account(tool.tool, tool.get_account())


def test_a_name_that_could_lead_elsewhere_is_none(tool: ToolServer) -> None:
    bad = {"id": "../../members", "status": "save" if tool.name == "mailchimp" else "draft", "web_id": 1}
    shapes = {"posts": [bad], "data": bad, "campaigns": []} | bad
    tool.responses = [None, CannedResponse(shapes)]
    assert get_refusal(tool)[0] == "address"


def test_who_saves_in_ghost_at_the_same_moment_is_read_again() -> None:
    with run_tool_server("ghost") as ghost:
        made, _ = hand_over(ghost.tool, ghost.get_account(), DRAFT)
        collision = CannedResponse({"errors": [{"type": "UpdateCollisionError"}]}, 409)
        ghost.responses = [None, collision]
        assert hand_over(ghost.tool, ghost.get_account(), LATER, made.id) == (made, False)
        ghost.responses = [None, collision, None, collision]
        assert get_refusal(ghost, made.id) == ("meanwhile", None)
        assert "Later words." in ghost.only_draft.html


def test_no_account_shows_its_key() -> None:
    with run_tool_server("ghost") as ghost:
        assert ghost.get_account().key not in repr(ghost.get_account())


def test_a_list_that_is_not_there_is_said_before_an_edition_is_handed_over() -> None:
    with run_tool_server("listmonk") as listmonk, pytest.raises(DraftError, match="refused"):
        verify_account(listmonk.tool, replace(listmonk.get_account(), audience="3, 7"))
