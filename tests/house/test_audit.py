"""`make audit` and what is locked: it says of nothing that it is safe without having asked, all is pinned by hash, and licences fit."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import dependency_advisories
from tests.support.dependency_audit import CLEAN, KNOWN_VULNERABLE, LOCKS, NO_DATA, NOT_AUDITED, VULNERABLE
from tests.support.dependency_licences import (
    COMPATIBLE,
    KNOWN_LICENCES,
    PAGE,
    SHIPPED,
    is_compatible,
    list_licences,
    list_pinned,
    render_page,
)
from tests.support.dependency_licences import LOCKS as NAMES
from tests.support.source import ROOT

WAITRESS = next(one.version for one in list_pinned("runtime") if one.name == "waitress")
OLD_JINJA = {"package": {"ecosystem": "PyPI", "name": "Jinja2"}, "versions": ["2.4.1"]}
NOWHERE = "http://127.0.0.1:9/v1/query"  # the port of "discard", which nothing of ours serves


def advisory(name: str, package: str, events: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    affected = [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": ranges}]
    return {"id": name, "modified": "2026-11-01T00:00:00Z", "affected": affected, **more}


def audited(*words: str) -> tuple[int, list[str]]:
    """Run what `make audit` runs. Returns its exit status and its lines."""
    run = subprocess.run(
        (sys.executable, "-m", "tests.support.dependency_audit", *words),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout.splitlines()


def write_advisories(folder: Path, *records: dict[str, Any]) -> tuple[str, str]:
    for record in records:
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return "--advisories", str(folder)


@pytest.mark.threat("bad library")
def test_a_known_vulnerability_of_what_is_locked_is_named(tmp_path: Path) -> None:
    reached = advisory("PYSEC-2026-1", "waitress", [{"introduced": "0"}, {"fixed": "99.0"}])
    status, said = audited(*write_advisories(tmp_path, reached))
    assert (status, said[:2]) == (VULNERABLE, [
        "1 advisories about 1 packages, the newest of 2026-11-01", f"waitress {WAITRESS}: PYSEC-2026-1, mended in 99.0"
    ])  # fmt: skip
    assert re.fullmatch(r"\d{3} packages were audited, 1 vulnerabilities are known", said[-1])


def test_what_is_mended_withdrawn_or_about_another_package_is_none(tmp_path: Path) -> None:
    mended = advisory("PYSEC-2026-1", "waitress", [{"introduced": "0"}, {"fixed": WAITRESS}])
    withdrawn = advisory("PYSEC-2026-2", "flask", [{"introduced": "0"}], withdrawn="2026-11-02T00:00:00Z")
    status, said = audited(*write_advisories(tmp_path, mended, withdrawn))
    assert (status, said[-1].partition(" audited, ")[2]) == (CLEAN, "0 vulnerabilities are known")


@pytest.mark.threat("bad library")
def test_where_nobody_answers_nothing_was_audited_and_that_is_no_good_end() -> None:
    status, said = audited("--osv", NOWHERE)
    assert (status, len(said), said[0].startswith(f"{NO_DATA} (")) == (NOT_AUDITED, 1, True)


@pytest.mark.threat("bad library")
def test_a_mirror_without_advisories_is_found_out() -> None:
    """pip-audit itself ends well there: it was told of no vulnerability."""
    with dependency_advisories.osv_server({}) as address:
        assert audited("--osv", address) == (
            NOT_AUDITED, [f"{NO_DATA} (whoever answers knows nothing of {KNOWN_VULNERABLE}, whose faults are old)"]
        )  # fmt: skip
    with dependency_advisories.osv_server({"jinja2": [{"id": "PYSEC-2019-220", "affected": [OLD_JINJA]}]}) as address:
        assert audited("--osv", address)[0] == CLEAN


def test_an_empty_folder_and_one_that_is_not_there_are_told_apart(tmp_path: Path) -> None:
    assert audited("--advisories", str(tmp_path)) == (
        NOT_AUDITED, [f"{NO_DATA} ({tmp_path.name} holds no advisory about a package of PyPI)"]
    )  # fmt: skip
    assert audited("--advisories", str(tmp_path / "none")) == (2, [])


def test_make_hands_over_where_the_advisories_lie() -> None:
    """The recipe itself, without what it installs first."""
    make = ("make", "--no-print-directory", "-n", "-o", ".venv/development", "audit", "ADVISORIES=all.zip")
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == '.venv/bin/python -m tests.support.dependency_audit --advisories "all.zip"\n'


@pytest.mark.threat("bad library")
@pytest.mark.parametrize("lock", NAMES)
def test_every_package_of_every_lock_carries_its_hashes(lock: str) -> None:
    assert sorted(path.stem for path in LOCKS) == sorted(NAMES)
    assert [one.name for one in list_pinned(lock) if not one.hashes] == []
    assert len(list_pinned(lock)) == len(
        re.findall(r"(?m)^[^\s#]", (ROOT / "requirements" / f"{lock}.txt").read_text())
    )


def test_the_licence_of_all_that_a_newsroom_installs_fits_our_own() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    shipped = {name: licence for name, (licence, lock) in list_licences().items() if lock in SHIPPED}
    assert len(shipped) > 55
    assert {name: licence for name, licence in shipped.items() if not is_compatible(licence)} == {}
    assert [name for name, (licence, _lock) in list_licences().items() if licence == "unknown"] == []
    assert [name for name in KNOWN_LICENCES if name not in list_licences()] == [], (
        "take what is no longer locked out of READ"
    )


@pytest.mark.parametrize(
    ("licence", "is_ours"),
    [("MIT", True), ("MIT AND PSF-2.0", True), ("GPL-3.0-or-later OR MIT", True), ("MIT AND GPL-3.0-only", False),
     ("GPL-3.0-or-later", False), ("AGPL-3.0-only", False), ("unknown", False), ("", False)],
)  # fmt: skip
def test_what_fits_is_read_from_the_words_of_spdx(licence: str, is_ours: bool) -> None:
    assert (is_compatible(licence), "GPL-3.0-or-later" in COMPATIBLE) == (is_ours, False)


def test_the_page_of_licences_is_as_new_as_the_locks() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "make licences"
