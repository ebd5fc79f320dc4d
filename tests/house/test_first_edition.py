"""`make first-edition` itself takes root, a network and some minutes; here is held that it types what the docs say."""

import re
from contextlib import ExitStack
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.support.first_edition import __main__ as proof
from tests.support.first_edition import server_steps
from tests.support.first_edition.bare_debian import StepFailed
from tests.support.first_edition.step_context import DocsBlock, DocsCommand, StepContext
from tests.support.source import ROOT

COMMANDS = [one for one in vars(server_steps).values() if isinstance(one, DocsBlock | DocsCommand)]


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda one: one.heading if isinstance(one, DocsBlock) else one.command[:30]
)
def test_each_command_stands_in_the_docs(command: DocsBlock | DocsCommand) -> None:
    assert command.text.strip() in (ROOT / command.page).read_text()


def test_the_whole_of_the_installation_is_typed() -> None:
    """All of its commands but those of the other ways: as a package, with Caddy."""
    page = (ROOT / server_steps.INSTALL).read_text()
    headings = re.findall(r"^##+ (.*)\n(?:(?!^##+ )[^\0])*?^```sh$", page, re.MULTILINE)
    typed = [one.heading for one in COMMANDS if isinstance(one, DocsBlock) and one.page == server_steps.INSTALL]
    assert sorted(set(headings) - set(typed)) == ["Caddy", "Or as a package"]
    assert [one for one in dict.fromkeys(typed) if one not in headings] == []


def test_no_step_types_a_command_of_its_own_to_the_program() -> None:
    """What it adds is the newsroom's mail server as it was before, and a certificate."""
    code = "\n".join(path.read_text() for path in Path(server_steps.__file__).parent.glob("*_steps.py"))
    own = re.sub(r"DocsCommand\([^)]*\)", "", code)
    assert re.findall(r"readers-asked (?!--)\w+|\bflask \w+|createuser|createdb|nginx -|make -", own) == []


def test_a_command_that_the_docs_lost_is_missed_in_a_sentence() -> None:
    with pytest.raises(StepFailed) as lost:
        _ = DocsBlock("docs/install.md", "3. The database", 7).text
    assert str(lost.value) == "docs/install.md has no block 8 of sh under “3. The database”"
    with pytest.raises(StepFailed) as lost:
        _ = DocsCommand("docs/install.md", "apt-get install sendmail").text
    assert str(lost.value) == "docs/install.md does not say `apt-get install sendmail`"


def test_a_step_that_fails_is_named_and_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(_stage: StepContext) -> None:
        raise AssertionError("waited in vain: nginx")

    lines: list[str] = []
    monkeypatch.setattr(proof, "print_line", lines.append)
    monkeypatch.setattr(proof, "STEPS", (proof.Step("nothing", lambda _: None), proof.Step("the proxy", fails)))
    with (tmp_path / "log").open("w+b") as log, pytest.raises(StepFailed) as failed:
        proof.run_steps(StepContext(ExitStack(), log, lines.append))
    assert str(failed.value) == "Step 2, “the proxy”, failed: waited in vain: nginx"
    assert lines == [" 1/2 nothing", " 2/2 the proxy"]


def test_a_step_that_never_ends_is_given_up_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def goes_on(_stage: StepContext) -> None:
        raise TimeoutExpired(["debootstrap"], 1800)

    monkeypatch.setattr(proof, "print_line", lambda _: None)
    monkeypatch.setattr(proof, "STEPS", (proof.Step("a bare Debian", goes_on),))
    with (tmp_path / "log").open("w+b") as log, pytest.raises(StepFailed) as failed:
        proof.run_steps(StepContext(ExitStack(), log, proof.print_line))
    assert str(failed.value) == "Step 1, “a bare Debian”, took longer than 30 minutes; the log says how far it came"


def test_minutes_are_added_up() -> None:
    assert proof.format_durations([("the program", 90.0), ("the proxy", 30.0)]).splitlines() == [
        "the program                          1.5 min",
        "the proxy                            0.5 min",
        "together                             2.0 min",
    ]
