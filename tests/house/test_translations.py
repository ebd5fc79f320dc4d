"""The catalogues: they say what the code says, hold its placeholders, and leave nothing that a reader or an expert
sees.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import get_babel

from app.people.models import PROFILE
from app.server import startup_checks
from app.text import translation
from app.text.languages import interface_languages
from config import Unsafe
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT, TextKey, list_translatable_texts

CATALOGUE = "app/translations/{}/LC_MESSAGES/messages.po"
LANGUAGES = sorted(path.parts[-3] for path in ROOT.glob(CATALOGUE.format("*")))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
WORD = re.compile(r"[^\W\d_]+")
# The desk speaks English so far; whatever else is said in pages and mails is for readers and experts.
DESK = (
    "editor/", "templates/editor/", "templates/layouts/desk.html", "templates/layouts/question.html",
    "mail/kinds.py", "mail/templates/desk.", "mail/templates/_notice.txt", "mail/templates/sign_in.txt",
    "mail/templates/staff.", "core/fields.py", "workflows/newsletters/founding.py", "audit/events.py", "cli/", "newsletters/models.py", "newsletters/keeping.py", "newsletters/setting_fields.py", "people/",
    "typesetting/exports.py", "core/permissions.py", "letters/spam_filter.py", "programs/program_events.py", "workflows/program_messages.py", "sending_tools/",
)  # fmt: skip


def list_public_texts() -> set[TextKey]:
    """What readers and experts see or are mailed."""
    words = {
        words for words, files in list_translatable_texts().items() if any(not file.startswith(DESK) for file in files)
    }
    return words | {words for field in PROFILE.values() for words in (field.own, field.own_help) if words}


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def list_translated(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id and any(forms(message.string)))


def key(message: Message) -> TextKey:
    return message.id if isinstance(message.id, str) else tuple(message.id)


def is_copied(message: Message) -> bool:
    """Whether a translation is the English text again. Of one or two words many are the same in several languages."""
    return any(
        form in forms(message.id) and len(WORD.findall(PLACEHOLDER.sub("", form))) >= 3
        for form in forms(message.string)
    )


def has_translated(language: str) -> set[TextKey]:
    """What a catalogue says in its language, in every form that a plural takes."""
    path = CATALOGUE.format(language)
    if not (ROOT / path).is_file():
        pytest.fail(
            f"There is no {path}: make it with `pybabel init`, or take {language} out of app/text/languages.toml."
        )
    return {
        key(message)
        for message in list_translated(read(ROOT / path))
        if all(forms(message.string)) and not is_copied(message)
    }


def persian() -> Catalog:
    return read(ROOT / CATALOGUE.format("fa"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_what_it_translates_and_nobody_guessed_it(language: str) -> None:
    path, catalogue = CATALOGUE.format(language), read(ROOT / CATALOGUE.format(language))
    found = [
        f"{path} guesses {message.id!r}: compare it with the English, and take the mark `fuzzy` out."
        for message in catalogue
        if message.id and message.fuzzy
    ]
    seen = list(list_translated(catalogue))
    assert seen, f"{path} translates nothing: write what each text is in its language, or delete it."
    for message in seen:
        one, *many = (frozenset(PLACEHOLDER.findall(form)) for form in forms(message.id))
        # A language without a plural has one form, which says the number as the plural does.
        wanted = [one, *many * (catalogue.num_plurals - 1)] if catalogue.num_plurals > 1 else (many or [one])
        holds = [frozenset(PLACEHOLDER.findall(form)) for form in forms(message.string)]
        if holds != wanted:
            found.append(f"{path}: {message.string!r} must hold the placeholders of {message.id!r}, each form its own.")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_no_copy_of_the_english_text(language: str) -> None:
    path = CATALOGUE.format(language)
    copied = [repr(message.id) for message in list_translated(read(ROOT / path)) if is_copied(message)]
    assert not copied, (
        f"{path} says {len(copied)} texts as English does: translate them, or leave them empty until somebody has:\n"
        + "\n".join(copied[:20])
    )


def test_a_catalogue_that_was_copied_is_found_out() -> None:
    copy = Catalog(locale="it")
    copy.add(id="Readers Asked", string="Readers Asked")
    copy.add(id="Status: %(status)s", string="Status: %(status)s")
    copy.add(id="We answer every letter.", string="Rispondiamo a ogni lettera.")
    copy.add(id="Your letter has arrived.", string="Your letter has arrived.")
    copy.add(id=("%(num)s day is left", "%(num)s days are left"), string=("%(num)s day is left", "%(num)s giorni"))
    assert [forms(message.id)[0] for message in list_translated(copy) if is_copied(message)] == [
        "Your letter has arrived.", "%(num)s day is left",
    ]  # fmt: skip


@pytest.mark.parametrize("language", sorted(interface_languages() - {"en"}))
def test_a_spoken_language_says_everything_that_readers_and_experts_see_or_are_mailed(language: str) -> None:
    assert len(list_public_texts()) > 500
    lost = sorted(map(str, list_public_texts() - has_translated(language)))
    assert not lost, f"Say these in app/translations/{language} (`make words` puts them there):\n" + "\n".join(lost)


def test_a_language_is_spoken_to_readers_and_experts_where_its_catalogue_says_everything() -> None:
    unspoken = [
        f"{CATALOGUE.format(language)} says everything that readers and experts see: name {language!r} in `outside` of "
        "app/text/languages.toml."
        for language in LANGUAGES
        if language not in interface_languages() and list_public_texts() <= has_translated(language)
    ]
    assert not unspoken, "\n".join(unspoken)


def test_without_its_compiled_catalogues_the_product_does_not_start(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fa" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text("")
    monkeypatch.setattr(translation, "TRANSLATIONS", tmp_path)
    with pytest.raises(Unsafe, match=r"not compiled \(fa\): run make install"):
        startup_checks.check(app)


def test_a_text_has_one_plural_wherever_it_is_said() -> None:
    plurals: dict[str, set[str]] = {}
    for words in list_translatable_texts():
        if isinstance(words, tuple):
            plurals.setdefault(words[0], set()).add(words[-1])
    assert {one: many for one, many in plurals.items() if len(many) > 1} == {}


def test_no_catalogue_translates_what_nobody_says_any_more() -> None:
    gone = sorted(
        str(words)
        for language in LANGUAGES
        for message in list_translated(read(ROOT / CATALOGUE.format(language)))
        if (words := key(message)) not in list_translatable_texts()
    )
    assert not gone, "Nobody says these any more; `make words` takes them out of app/translations:\n" + "\n".join(gone)


def test_a_persian_reader_is_asked_in_persian(
    app: Flask, client: FlaskClient, newsroom: Newsroom, tmp_path: Path
) -> None:
    compiled = tmp_path / "fa" / "LC_MESSAGES" / "messages.mo"
    compiled.parent.mkdir(parents=True)
    with compiled.open("wb") as file:
        write_mo(file, persian())
    with app.app_context():
        get_babel().translation_directories = [str(tmp_path)]
    page = Page(client.get("/steppe/ask?lang=fa").text)
    assert page.tree.root.attributes == {"lang": "fa", "dir": "rtl"}
    assert page.texts("h1") == ["از The Steppe Letter بپرسید"]
    assert Translations.load(str(tmp_path), ["fa"]).gettext("Just a number") == "فقط یک شماره"
