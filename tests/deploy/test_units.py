"""deploy/systemd, judged by systemd's own tool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.mail_servers import require_programs_as_root
from tests.support.source import ROOT

UNITS = ROOT / "deploy" / "systemd"
COMMANDS = {"web": "web", "worker": "worker", "lmtp": "mail lmtp"}  # of each instance
MOST = 1.2  # exposure, of 10; what is left is the network and the machine's own folders, which it only reads


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The root of a machine on which the units lie, and the program where they look for it."""
    units, program = tmp_path / "etc/systemd/system", tmp_path / "usr/local/bin/readers-asked"
    shutil.copytree(UNITS, units)
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    for target in ("multi-user", "sysinit", "basic", "shutdown", "network", "network-online"):
        (units / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    return tmp_path


def analysed(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    require_programs_as_root("systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("instance", COMMANDS)
def test_systemd_finds_no_fault_in_a_unit(installed: Path, instance: str) -> None:
    said = analysed(installed, "verify", "--man=no", f"readers-asked@{instance}.service")
    assert (said.stdout + said.stderr, said.returncode) == ("", 0)


def test_it_would_find_one(installed: Path) -> None:
    unit = installed / "etc/systemd/system/readers-asked@.service"
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in analysed(installed, "verify", "--man=no", "readers-asked@web.service").stderr


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize("instance", COMMANDS)
def test_a_unit_can_hardly_harm_the_machine(installed: Path, instance: str) -> None:
    said = analysed(
        installed, "security", "--offline=true", f"--threshold={round(MOST * 10)}", f"readers-asked@{instance}.service"
    )
    assert said.returncode == 0, said.stdout
    [score] = re.findall(r"exposure level for \S+: ([\d.]+)", said.stdout)
    assert float(score) <= MOST


def test_each_instance_is_a_command_of_the_program() -> None:
    started = re.findall(
        r"(?m)^ExecStart=/usr/local/bin/readers-asked (.+)$", (UNITS / "readers-asked@.service").read_text()
    )
    other = re.findall(
        r"(?m)^ExecStart=/usr/local/bin/readers-asked (.+)$",
        (UNITS / "readers-asked@lmtp.service.d/command.conf").read_text(),
    )
    assert (started, other) == (["%i"], [COMMANDS["lmtp"]])
