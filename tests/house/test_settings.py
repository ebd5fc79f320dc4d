"""Settings: each that the product reads has its row, the reference says what the rows say, and a file sets them."""

import ast
import re
from pathlib import Path

import pytest

import config
from app.settings import settings_file
from app.settings.settings_table import ROWS, SETTINGS, reference_lines
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.required_rows import compare_names
from tests.support.source import ROOT, list_code, parse_module, relative_name

# Read by libraries or handed on as they are, and nothing that a newsroom would set.
OTHERS = {"PATH", "LANG", "XDG_DATA_HOME", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PROMETHEUS_MULTIPROC_DIR"}
PRODUCT = re.compile(r"app/|demo/|(?:config|wsgi|__main__)\.py$")


def test_the_reference_says_what_the_rows_say() -> None:
    said = (ROOT / "docs" / "configuration.md").read_text().splitlines()
    assert said == list(reference_lines()), "run: readers-asked settings > docs/configuration.md"
    assert str(ROOT) not in "\n".join(said)


def named_in_the_environment(node: ast.AST) -> set[str]:
    """The names that are asked of `os.environ`, in a subscript, by a method or with `in`."""
    about = [one for one in ast.walk(node) if isinstance(one, ast.Attribute) and one.attr == "environ"]
    return {
        one.value for one in ast.walk(node) if about and isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def test_whatever_the_product_asks_of_the_environment_has_its_row() -> None:
    asked = {
        name
        for path in list_code(".py")
        if PRODUCT.match(relative_name(path))
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Call | ast.Subscript | ast.Compare)
        for name in named_in_the_environment(node)
        if re.fullmatch(r"[A-Z][A-Z_]+", name)
    }
    assert {"PATH", "READERS_ASKED_ENV"} <= asked
    found = [
        f"{name} is asked of the environment and has no row: add one to app/settings/settings.toml, or name it in "
        "OTHERS of this file, where a library reads it."
        for name in sorted(asked - OTHERS - set(SETTINGS))
    ]
    assert not found, "\n".join(found)


def test_every_setting_that_the_app_takes_comes_of_a_row() -> None:
    """Also those that app/settings/mail_accounts.py and app/settings/oidc_account.py read, which ask for them by the same name."""
    files = (
        "config.py",
        "app/settings/mail_accounts.py",
        "app/settings/oidc_account.py",
        "app/settings/translation_server.py",
    )
    read = re.findall(r'(?:value|settings)\["([A-Z_]+)"\]', "".join((ROOT / name).read_text() for name in files))
    found = compare_names(
        SETTINGS,
        [*read, *config.UNPARSED],
        missing="The setting {name} has a row in app/settings/settings.toml and nothing reads it: take its value in "
        "`load` of config.py, or take the row out.",
        surplus="The setting {name} is read and has no row: add one to app/settings/settings.toml.",
    )
    assert not found, "\n".join(found)


def test_each_row_has_words_and_an_example_that_fits() -> None:
    found = [
        f"{row.name} lacks its {key!r}: say it in app/settings/settings.toml."
        for row in ROWS
        for key in ("meaning", "part", "example")
        if not getattr(row, key)
    ]
    assert not found, "\n".join(found)
    plain = [
        row
        for row in ROWS
        if "(" not in row.example
        and row.name not in ("READERS_ASKED_ENV", "READERS_ASKED_ENV_FILE", "MAIL_TRANSPORT", "MAIL_OAUTH")
    ]
    found = [
        f"The example of {row.name} in app/settings/settings.toml is no value of it: {fault}"
        for row in plain
        for fault in config.find_setting_faults(row.name, row.example)
    ]
    assert not found, "\n".join(found)


TYPED = {
    "MAIL_PASSWORD": 'p\'a\\ss ${HOME} #1 "x"',
    "MAIL_FROM": "desk@example.org",
    "MAILBOXES": "imaps://a:b@c  imaps://d:e@f",
}


def test_a_file_sets_every_sign_as_it_is_and_names_every_setting(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    settings_file.write_new(path, TYPED)
    assert settings_file.read(path) == TYPED
    lines = path.read_text().splitlines()
    assert [re.sub(r"^# |=.*", "", line) for line in lines if re.match(r"(?:# )?[A-Z_]+=", line)] == [
        row.name for row in ROWS if row.name != "READERS_ASKED_ENV_FILE"
    ]
    with pytest.raises(FileExistsError):
        settings_file.write_new(path, {})
    assert (settings_file.read(path), [one.name for one in tmp_path.iterdir()]) == (TYPED, ["settings.env"])


def test_the_environment_wins_over_the_file_and_is_named_where_it_does(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    settings_file.write_new(path, {**PRODUCTION_SETTINGS, "MAIL_SERVER": "mail.example.org", "PORT": "8001"})
    environ = {"READERS_ASKED_ENV_FILE": str(path), "MAIL_SERVER": "other.example.org", "PORT": "8001"}
    settings = config.load(environ)
    assert (settings["MAIL_SERVER"], settings["PORT"], settings["BASE_URL"]) == (
        "other.example.org",
        8001,
        PRODUCTION_SETTINGS["BASE_URL"],
    )
    assert config.list_overridden(environ) == ["MAIL_SERVER"]
    assert config.load({**environ, "MAIL_SERVER": ""})["MAIL_SERVER"] == "mail.example.org"  # empty sets nothing


FAULTY = {
    "MAIL_SEVER=mail.example.org": "line 2: MAIL_SEVER is not a setting; did you mean MAIL_SERVER?",
    "MAIL_PASSWORD='hunter2": "line 2: write NAME=value",
    "MAIL_PASSWORD hunter2": "line 2: write NAME=value",
    "READERS_ASKED_ENV_FILE=other.env": "line 2: READERS_ASKED_ENV_FILE can only be set in the environment",
}


@pytest.mark.parametrize("line", FAULTY)
def test_a_faulty_file_is_refused_and_not_quoted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "settings.env"
    path.write_text(f"HTTPS_PROXY=http://proxy.example.org\n{line}\n")
    with pytest.raises(config.Unsafe) as refused:
        config.load({"READERS_ASKED_ENV_FILE": str(path)})
    (fault,) = refused.value.faults
    assert (fault.startswith(f"{path}, {FAULTY[line]}"), "hunter2" in fault) == (True, False), fault


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.env", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(config.Unsafe) as refused:
            config.load({"READERS_ASKED_ENV_FILE": str(path)})
        assert refused.value.faults == [f"{path} can't be read: {why}"]
