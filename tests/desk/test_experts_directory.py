"""The directory: found in any spelling, narrowed, page by page; how many questions at once; people who are in it twice."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.answers.models import Answer, Assignment
from app.audit import Event
from app.core.actors import Clock
from app.core.fields import FIELD_TYPES
from app.db.engine import Database
from app.db.migrate import downgrade, migrate
from app.editions.items import format_lead_in
from app.newsletters.models import Newsletter
from app.people import directory, duplicates, expert_file, name_forms, sign_in
from app.people.expert_file import FIELDS, NAME_PARTS, list_headers
from app.people.models import PROFILE, Expert, ExpertTopic
from app.people.name_forms import fold
from app.questions import actions, wording
from app.text.word_tables import word_tables
from app.typesetting.house_form import PLACEHOLDERS
from app.workflows import invitations
from tests.support.app import BASE_URL
from tests.support.assignments import ask_expert
from tests.support.clock import today
from tests.support.database_checks import dump_tables, record_statements
from tests.support.desk import Desk, get_form_fields, get_section
from tests.support.desk_people import sign_in_by_link
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

pytestmark = pytest.mark.both_databases


def record(database: Database, newsroom: Newsroom, name: str, email: str | None = None, **profile: object) -> str:
    return database.write(
        lambda s: directory.record_expert(s, newsroom.nora, name, email, **profile).public_id  # type: ignore[arg-type]
    )


def expert(session: Session, public_id: str) -> Expert:
    return session.scalars(select(Expert).filter_by(public_id=public_id)).one()


def names(message: str, *wanted: str) -> list[str]:
    """Which of these stand on a page, in the page's order."""
    return sorted((name for name in wanted if name in message), key=message.index)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Гульнара Есенова", "Gulnara Esenova", True),
        ("Aydın, Leyla", "Лейла Айдын", True),
        ("Жанар Сейтқызы", "Zhanar Seitkyzy", True),
        ("Xolmatov Ali", "Kholmatov Ali", True),
        ("Leyla Aydın", "Leyla Aydan", False),
        ("王小明", "王小月", False),
    ],
)
def test_a_name_sounds_the_same_in_every_spelling(one: str, other: str, is_same: bool) -> None:
    assert (name_forms.phonetic_key(one) == name_forms.phonetic_key(other)) is is_same


def test_the_filter_of_languages_offers_those_that_somebody_writes(nora: Desk, newsroom: Newsroom) -> None:
    record(nora.database, newsroom, "Сауле Бекова", languages=["kk-Arab", "ru"])
    record(nora.database, newsroom, "Zhanar Seitkyzy", languages=["ru", "ug"])

    def list_languages(query: str) -> list[tuple[str, str]]:
        return nora.get(f"experts{query}").options("select#language")

    there = [("", "Any language"), ("kk-Arab", "Kazakh (Arabic)"), ("ru", "Russian"), ("ug", "Uyghur")]
    assert list_languages("") == there
    assert list_languages("?language=fa") == [*there[:2], ("fa", "Persian"), *there[2:]]


def test_experts_are_found_by_all_that_is_known_of_them(nora: Desk, newsroom: Newsroom) -> None:
    profile = {"topics": ["Salt winds"], "languages": ["kk-Arab", "ru"], "organisation": "Қостанай университеті"}
    record(nora.database, newsroom, "Сауле Бекова", "saule@survey.example", **profile)
    wanted = ("Сауле Бекова", "Leyla Aydın", "Marek Dvořák")
    for words in ("saule", "BEKOVA Сауле", "salt", "qostanai", "kazakh", "kk-arab", "russian bekova"):
        assert names(nora.get_text(f"experts?q={words}"), *wanted) == ["Сауле Бекова"], words
    assert names(nora.get_text("experts?language=ru"), *wanted) == ["Сауле Бекова"]
    assert names(nora.get_text("experts?topic=salt WINDS"), *wanted) == ["Сауле Бекова"]
    assert names(nora.get_text("experts?q=dvorak"), *wanted) == ["Marek Dvořák"]
    assert names(nora.get_text("experts?q=%25_"), *wanted) == []
    assert "“show” of the address is no filter of this list" in nora.get_text("experts?show=nonsense", 404)


def test_a_filter_tells_who_is_away_busy_unchecked_or_was_never_asked(nora: Desk, newsroom: Newsroom) -> None:
    away = {"away_until": today() + timedelta(9)}
    record(nora.database, newsroom, "Saule Bekova", **away)
    record(nora.database, newsroom, "Timo Back", away_until=today() - timedelta(2))
    nora.database.write(lambda s: create_submitted_answer(s, newsroom, "Who measures?"))
    wanted = ("Leyla Aydın", "Marek Dvořák", "Saule Bekova", "Timo Back")
    assert names(nora.get_text("experts?show=away"), *wanted) == ["Saule Bekova"]
    assert names(nora.get_text("experts?show=unverified"), *wanted) == ["Saule Bekova", "Timo Back"]
    assert names(nora.get_text("experts?show=work"), *wanted) == ["Leyla Aydın"]
    assert names(nora.get_text("experts?show=never"), *wanted) == ["Marek Dvořák", "Saule Bekova", "Timo Back"]


def test_every_name_comes_once_in_pages_of_as_many_queries_however_many_there_are(
    nora: Desk, newsroom: Newsroom
) -> None:
    def pages() -> tuple[list[str], list[int]]:
        path, found, queries = "experts", [], []
        while path:
            with record_statements(nora.database) as statements:
                page = nora.get(path)
            queries.append(len(statements))
            names = page.texts("a[dir=auto]")
            found += [name.removeprefix("Expert ") for name in names if name.startswith("Expert ")]
            path = page.next_url
        return found, queries

    for number in range(10):
        record(nora.database, newsroom, f"Expert {number:03}")
    few, queries = pages()

    def record_many(session: Session) -> None:
        for number in range(10, 120):
            directory.record_expert(session, Clock(), f"Expert {number % 60:03}", None)

    nora.database.write(record_many)
    found, later = pages()
    assert (len(few), found, len(later)) == (10, sorted(found), 3)
    assert sorted(found) == sorted(f"{number:03}" for number in [*range(10), *(n % 60 for n in range(10, 120))])
    assert (later[0], set(later[1:])) == (queries[0], {queries[0] + 1})  # a later page looks up where it begins


def test_how_many_at_once_is_warned_about_and_never_in_the_way(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: create_submitted_answer(s, newsroom, "Who measures?"))
    with nora.database.read() as session:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        public_id, form = leyla.public_id, {"name": leyla.name}
    before = dump_tables(nora.database)
    assert "Give a number from 1 to 99" in nora.press(f"experts/{public_id}", 422, **form, at_once="many")
    assert "No language has this code or name: klingonisch" in nora.press(
        f"experts/{public_id}", 422, **form, languages="klingonisch"
    )
    assert "This is too long: the limit is 200" in nora.press(f"experts/{public_id}", 422, **form, title="x" * 201)
    assert dump_tables(nora.database) == before
    nora.press(f"experts/{public_id}", **form, at_once="1", languages="Kazakh, ru")
    assert "They have reached their limit." in nora.get_text(f"experts/{public_id}")
    assert "full: 1 of 1" in nora.get_text("experts")
    with nora.database.read() as session:
        assert session.get_one(Expert, newsroom.leyla.expert_id).languages == ["kk", "ru"]


def test_who_is_one_person_is_found_and_two_people_are_left_alone(nora: Desk, newsroom: Newsroom) -> None:
    database = nora.database
    record(database, newsroom, "Лейла Айдын", "leyla@private.example")
    record(database, newsroom, "L. Aydin", "office@field.example")
    record(database, newsroom, "Lena Aydin", "lena@elsewhere.example")  # a like name alone says nothing
    other = record(database, newsroom, "Marek Dvorak")

    def find_pairs() -> set[tuple[str, str, tuple[str, ...]]]:
        with database.read() as session:
            return {(p.one.name, p.other.name, p.reasons) for p in duplicates.pairs(session, None, 30)}

    assert find_pairs() == {
        ("Leyla Aydın", "Лейла Айдын", ("name",)),
        ("Leyla Aydın", "L. Aydin", ("like name", "domain")),
        ("Marek Dvořák", "Marek Dvorak", ("name",)),
    }
    with database.read() as session:
        marek = session.get_one(Expert, newsroom.marek.expert_id).public_id
    for _again in range(2):
        nora.press("experts/duplicates/namesakes", keep=other, other=marek)
    assert ("Marek Dvořák", "Marek Dvorak", ("name",)) not in find_pairs()
    before = dump_tables(database)
    nora.press("experts/duplicates/namesakes", 409, keep=other, other=other)
    assert dump_tables(database) == before


def test_a_merge_keeps_work_credits_links_and_both_ways_in(nora: Desk, newsroom: Newsroom, app: Flask) -> None:
    """Leyla is in the directory a second time under her private address, with an invitation to reply to."""
    database = nora.database
    answer_id = database.write(lambda s: create_submitted_answer(s, newsroom, "Who measures?").id)
    second = record(database, newsroom, "Лейла Айдын", "leyla@private.example", topics=["dust"], languages=["ru"])

    def ask(session: Session) -> tuple[int, str]:
        one = asked_by_hand(session, newsroom, second)
        return one, sign_in.invite(session, Clock(), expert(session, second).person, "expert")

    assignment_id, way_in = database.write(ask)
    hers = sign_in_by_link(app, way_in)
    with database.read() as session:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        kept, credit = leyla.public_id, session.get_one(Answer, answer_id).credit
    nora.press("experts/duplicates/merge", keep=kept, other=second)

    with database.read() as session:
        leyla, gone = session.get_one(Expert, newsroom.leyla.expert_id), expert(session, second)
        assert session.get_one(Assignment, assignment_id).expert_id == leyla.id
        assert (gone.merged_into_id, leyla.topics, leyla.languages) == (leyla.id, ["dust"], ["ru"])
        assert session.get_one(Answer, answer_id).credit == credit
        assert directory.addresses_of(session, leyla) == ["leyla@field.example", "leyla@private.example"]
        assert directory.record_expert(session, newsroom.nora, "L", "leyla@private.example") is leyla
    page = hers.client.get("/expert", base_url=BASE_URL, follow_redirects=True).text
    assert ("How deep is the salt?" in page, "Leyla Aydın" in page) == (True, True)
    assert nora.open(f"experts/{second}").location.endswith(kept)
    assert "Лейла" not in nora.get_text("experts")
    nora.press("experts/duplicates/merge", 409, keep=kept, other=second)

    nora.press(f"experts/{second}/split")
    with database.read() as session:
        assert session.get_one(Assignment, assignment_id).expert_id == expert(session, second).id
        assert session.get_one(Answer, answer_id).expert_id == newsroom.leyla.expert_id
        actions = session.scalars(select(Event.action).where(Event.action.in_(("expert.merge", "expert.split")))).all()
        assert actions == ["expert.merge", "expert.split"]


def asked_by_hand(session: Session, newsroom: Newsroom, public_id: str, text: str = "How deep is the salt?") -> int:
    question = actions.open_question(session, newsroom.nora, [], headline=text, body=text, language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    one = assigning.assign(session, newsroom.nora, question, expert(session, public_id))
    invitations.invite(session, newsroom.nora, one)
    return one.id


def test_two_with_the_same_question_are_not_merged(nora: Desk, newsroom: Newsroom) -> None:
    database = nora.database
    salt = ask_expert(database, newsroom)
    second = record(database, newsroom, "Leyla Aydin", "leyla@private.example")
    database.write(
        lambda s: assigning.assign(s, newsroom.nora, salt.assignment(s).question, expert(s, second)) and None
    )
    with database.read() as session:
        kept = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    before = dump_tables(database)
    said = nora.press("experts/duplicates/merge", 409, keep=kept, other=second)
    assert "Both have the question “The Salt Wind” now. Take it back from one of them, then merge." in said
    nora.press("experts/duplicates/merge", 409, keep=kept, other=kept)
    assert dump_tables(database) == before


def test_an_assistant_finds_who_is_twice_and_merges_nobody(ilya: Desk, newsroom: Newsroom) -> None:
    second = record(ilya.database, newsroom, "Leyla Aydin")
    with ilya.database.read() as session:
        kept = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    assert "Keep this one" not in ilya.get_text("experts/duplicates")
    before = dump_tables(ilya.database)
    ilya.press("experts/duplicates/merge", 404, keep=kept, other=second)
    ilya.press(f"experts/{second}/split", 404)
    ilya.get_text("experts/files", 404)
    ilya.press("experts/export", 404)
    assert dump_tables(ilya.database) == before


def test_the_migration_fills_in_what_the_verbs_make(database: Database, newsroom: Newsroom) -> None:
    """Who was recorded before the columns were there is found like everybody else."""
    profile = {"topics": ["Salt, wind", "Salt wind"], "languages": ["kk-Arab"], "organisation": "Өзен кеңсесі"}
    record(database, newsroom, "Xолматова-Щукина Ö.", **profile)

    def rows() -> list[tuple[object, ...]]:
        with database.read() as session:
            made = session.execute(select(Expert.folded, Expert.alike, Expert.words).order_by(Expert.id)).all()
            return [*map(tuple, made), *session.execute(select(ExpertTopic.expert_id, ExpertTopic.term)).all()]

    before = rows()
    database.close()
    downgrade(database.url, "0003")
    migrate(database.url)
    assert sorted(map(str, rows())) == sorted(map(str, before))


# What of an expert nobody writes into a form or a file, and why.
NOT_OF_THE_PROFILE = {
    "id", "public_id", "version",  # every row has them
    "person_id", "merged_into_id",  # who they are, and who they turned out to be
    "verified_at", "verified_by_id", "verified_how",  # a check is noted by itself, and no file can claim it
    "leaves_at", "erased_at",  # a deletion is pressed
    "folded", "alike", "words",  # made from the rest, to sort, compare and find by
}  # fmt: skip


def test_each_column_of_experts_is_a_field_with_its_words_its_controls_and_its_column_in_files(
    nora: Desk, newsroom: Newsroom
) -> None:
    assert set(Expert.__table__.columns.keys()) - NOT_OF_THE_PROFILE == PROFILE.keys() - {"name"}, (
        "Declare the column with profile_field(...) in people/models.py, or say in NOT_OF_THE_PROFILE why it is none."
    )
    with nora.database.read() as session:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    controls = nora.get(f"experts/{leyla}").attributes("[name]", "name")
    for name, one in PROFILE.items():
        assert one.label and one.kind in FIELD_TYPES, (
            f"Give {name} a label, and one of fields.FIELD_TYPES, which read and show it."
        )
        assert name in controls, f"The form of experts has no control for {name}: see macros/forms.html."
    columns = (*FIELDS, *NAME_PARTS)
    assert word_tables(expert_file.__file__, "file_heads").keys() - columns == set(), (
        "people/file_heads.toml has heads for what is no field of experts: take them out."
    )
    read_as: dict[str, set[str]] = {}
    for column in columns:
        for head in list_headers(column):
            read_as.setdefault(fold(head), set()).add(column)
    assert {head: both for head, both in read_as.items() if len(both) > 1} == {}, (
        "One head would be read as two columns: take it from one of them in people/file_heads.toml."
    )


def test_the_lead_in_says_of_an_expert_what_a_house_sentence_can_fill_in(
    database: Database, newsroom: Newsroom
) -> None:
    assignment_id = database.write(
        lambda session: create_submitted_answer(session, newsroom, "Who measures?").assignment_id
    )
    with database.read() as session:
        credit = session.get_one(Assignment, assignment_id).credit
    assert tuple(credit) == (*PLACEHOLDERS, "beside_name"), (
        "What LeadIn (typesetting/house_form.py) has a place for, Assignment.credit (answers/models.py) fills in, and the other way."
    )


def test_what_belongs_to_a_name_is_printed_after_it_and_after_no_description(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No field of the house does, yet; a title could."""
    monkeypatch.setitem(PROFILE, "title", replace(PROFILE["title"], beside_name=True))
    key = database.write(lambda session: create_submitted_answer(session, newsroom, "Who measures?").assignment_id)
    database.write(lambda session: setattr(session.get_one(Expert, newsroom.leyla.expert_id), "title", "Dr."))

    def line() -> str:
        with database.read() as session:
            newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
            return format_lead_in(session, newsletter, session.get_one(Assignment, key), "en")

    assert line() == "To find out more, I asked Leyla Aydın (Dr.), soil scientist at the Karakum Field Station:"
    described = "a soil scientist in Osh"
    database.write(
        lambda session: setattr(session.get_one(Expert, newsroom.leyla.expert_id), "described_as", described)
    )
    assert line() == f"To find out more, I asked {described}, soil scientist at the Karakum Field Station:"


def test_the_desk_notes_that_an_expert_said_yes_to_a_page_and_takes_it_away(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    publish_answer(database, newsroom, [])
    with database.read() as session:
        leyla = f"experts/{session.get_one(Expert, newsroom.leyla.expert_id).public_id}"
    assert "Say how and when they said yes." in nora.press(f"{leyla}/page", 422, how=" ")
    assert "Readers find their page now." in nora.get_text(nora.post(f"{leyla}/page", how="By mail, on 3 December."))
    here = get_section(nora.get(leyla), "own-page")
    assert "by Nora Lind. By mail, on 3 December." in here.main_text
    [address] = [href for href in here.urls if href.startswith("/steppe/experts/")]
    assert nora.client.get(address, base_url=BASE_URL).status_code == 200
    assert "The page is gone." in nora.get_text(nora.post(f"{leyla}/no-page"))
    assert nora.client.get(address, base_url=BASE_URL).status_code == 404
    nora.post(leyla, **{**get_form_fields(nora, leyla), "described_as": "a soil scientist"})
    assert "No page: they are described and not named." in get_section(nora.get(leyla), "own-page").main_text
    assert nora.send(f"{leyla}/page", {"how": "by mail"}).status_code == 409
