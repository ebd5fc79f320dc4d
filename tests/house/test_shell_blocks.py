"""The shell blocks of docs/backup.md, docs/upgrade.md and the recipe of a release, run as they stand there."""

import base64
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.version import VERSION
from tests.support import clock
from tests.support.app import PRODUCTION_SETTINGS, SECRETS
from tests.support.docs import list_shell_blocks
from tests.support.required_programs import skip_without
from tests.support.source import ROOT


def run(block: str, folder: Path, **environment: str) -> str:
    """Run a block in a folder, and return what it printed."""
    command = folder / "bin" / "readers-asked"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT} "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    known = {**clock.clock_environment(), "PATH": path, "HOME": str(folder), **environment}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=known, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def newsroom(sqlite_newsroom: tuple[Path, object], tmp_path: Path) -> dict[str, str]:
    """The settings of a newsroom that is at work."""
    (tmp_path / "var").mkdir()
    shutil.copy(sqlite_newsroom[0], tmp_path / "var" / "newsroom.db")
    return {
        **PRODUCTION_SETTINGS,
        "SECRET_KEYS": "1:" + base64.b64encode(SECRETS[1]).decode(),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'newsroom.db'}",
        "ERASURES": str(tmp_path / "var" / "erasures"),
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": "9",
    }


def test_a_newsroom_is_backed_up_and_restored_as_the_docs_say(newsroom: dict[str, str], tmp_path: Path) -> None:
    [keys], nightly, [restoring] = (
        list_shell_blocks("docs/backup.md", part) for part in ("Once", "Each night", "Restore")
    )
    assert run(keys, tmp_path).startswith("age1")
    said = run("\n".join(nightly), tmp_path, **newsroom)
    assert "sealed for 1 key" in said and "1 newsletters, 0 letters" in said
    said = run(f"readers-asked worker --once\n{restoring}", tmp_path, **newsroom)  # it had gone on meanwhile
    assert "Erased again: nothing that is in the backup." in said
    assert (tmp_path / "restored.db").stat().st_mode & 0o777 == 0o600


def test_a_newsroom_comes_to_this_version_as_the_docs_say(newsroom: dict[str, str], tmp_path: Path) -> None:
    before, after = list_shell_blocks("docs/upgrade.md", "To a newer version")
    said = run(f"{before}\n{after}", tmp_path, **newsroom)
    assert (tmp_path / "before-upgrade.backup").exists() and (tmp_path / "before-upgrade.backup.erasures").exists()
    assert "The tables were already up to date." in said


def test_the_version_is_one() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["version"]["path"] == "app/version.py"


def test_a_release_is_made_as_the_recipe_says(tmp_path: Path) -> None:
    """In a clone whose CHANGELOG has the part of this version, signed with a key made for it."""
    for program in ("git", "ssh-keygen"):
        if shutil.which(program) is None:
            skip_without(program)
    [recipe] = list_shell_blocks("CONTRIBUTING.md", "A release")
    (tmp_path / "app").mkdir()
    shutil.copy(ROOT / "app" / "version.py", tmp_path / "app")
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## Unreleased\n\n## {VERSION} - 2026-12-01\n\n### For operators\n- Migrate.\n\n## 0.0.1\n\n- Old.\n"
    )
    begin = """
        git init -q && git config user.name Nora && git config user.email nora@desk.example
        ssh-keygen -q -t ed25519 -N '' -f key
        git config gpg.format ssh && git config user.signingkey "$PWD/key.pub"
        git add app CHANGELOG.md && git commit -q -m "Release"
    """
    run(begin, tmp_path)
    run(recipe, tmp_path)
    tag = run(f"git tag --list --format='%(contents:subject)|%(contents:body)' v{VERSION}", tmp_path)
    assert tag.split("-----BEGIN")[0].strip("\n") == "### For operators - Migrate.|"
    name = f"readers-asked-{VERSION}"
    assert run(f"sha256sum --check {name}.tar.gz.sha256", tmp_path) == f"{name}.tar.gz: OK\n"
    assert f"{name}/app/version.py" in run(f"tar -tzf {name}.tar.gz", tmp_path)
