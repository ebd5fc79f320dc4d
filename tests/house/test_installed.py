"""The wheel: installed into a fresh environment, it makes a newsroom and serves it from an empty folder."""

import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import psutil
import pytest

from tests.support.commands import bare_environment, init_options, run_command
from tests.support.processes import START_TIMEOUT, reserve_port, wait_for_response
from tests.support.source import ROOT, list_files, relative_name
from tests.support.waiting import WAIT_TIMEOUT, wait_until

Program = tuple[str, ...]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip install .` builds it, by what is installed here: nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, timeout=300)
    (made,) = folder.glob("readers_asked-*.whl")
    return made


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """`readers-asked` in an environment of its own, where the libraries are those of this one."""
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = str(place / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    asked = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    Path(asked.stdout.strip(), "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return (str(place / "bin" / "readers-asked"),)


def test_the_wheel_carries_all_that_is_served_and_nothing_of_the_tests(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        names = {name.removeprefix("readers_asked/") for name in packed.namelist() if "dist-info" not in name}
    shipped = {
        name
        for path in list_files()
        if (name := relative_name(path)).startswith(("app/", "demo/", "docs/", "migrations/"))
    }
    lost = sorted(shipped - names)
    assert not lost, (
        f"The wheel lacks {', '.join(lost)}: name them under [tool.hatch.build.targets.wheel] in pyproject.toml."
    )
    assert names - shipped == {"__main__.py", "config.py", "wsgi.py"} | {
        name.replace(".po", ".mo") for name in shipped if name.endswith(".po")
    }


@contextmanager
def serving(program: Program, folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`readers-asked serve` as somebody has it in their terminal."""
    environment = bare_environment(folder, PORT=str(port), READERS_ASKED_ENV_FILE="readers-asked.env")
    child = subprocess.Popen([*program, "serve"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line == f"Readers Asked runs at 127.0.0.1:{port} for https://ask.example.org (Ctrl-C stops it)\n"
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
        child.wait(WAIT_TIMEOUT)


def test_a_newsroom_is_made_and_served_from_an_empty_folder(program: Program, tmp_path: Path) -> None:
    made = run_command(tmp_path, "init", *init_options(), program=program)
    assert (made.returncode, made.stderr) == (0, "")
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in kept if not name.endswith(("-wal", "-shm"))] == [
        ".local/share/readers-asked/newsroom.db",
        "readers-asked.env",
    ]
    version = run_command(tmp_path, "--version", program=program)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout)

    port = reserve_port()
    with serving(program, tmp_path, port) as child:
        below = psutil.Process(child.pid).children(recursive=True)
        assert wait_for_response(f"http://127.0.0.1:{port}/readyz", START_TIMEOUT)
        with urlopen(f"http://127.0.0.1:{port}/letter/", timeout=START_TIMEOUT) as page:
            assert "The Letter" in page.read().decode()
        for part in ("reader", "pictures/reader-ask.png"):
            with urlopen(f"http://127.0.0.1:{port}/handbook/{part}", timeout=START_TIMEOUT) as page:
                assert page.status == 200
        child.send_signal(signal.SIGTERM)
        assert (child.wait(START_TIMEOUT), child.stdout and child.stdout.read()) == (0, "Stopped.\n")
    assert [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_where_one_of_the_two_is_killed_it_lives_again_and_where_one_ends_all_do(
    program: Program, tmp_path: Path
) -> None:
    assert run_command(tmp_path, "init", *init_options(), program=program).returncode == 0
    port = reserve_port()
    with serving(program, tmp_path, port) as child:
        assert child.stdout is not None
        above = psutil.Process(child.pid)
        for name in ("web 1", "worker"):
            wait_until(lambda: len(above.children()) == 2, "both")
            # the one that has lived longest
            sorted(above.children(), key=lambda one: one.create_time())[0].kill()
            assert child.stdout.readline() == f"{name} was killed (signal 9) and is started again.\n"
        assert wait_for_response(f"http://127.0.0.1:{port}/readyz", START_TIMEOUT)
        wait_until(lambda: len(above.children()) == 2, "both")
        both = sorted(above.children(), key=lambda one: one.create_time())
        both[-1].terminate()  # the worker, which takes that as the end of its work
        assert child.wait(START_TIMEOUT) == 1
        assert child.stdout.read() == "worker ended by itself (status 0), so everything stops.\nStopped.\n"
    assert [one for one in both if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
