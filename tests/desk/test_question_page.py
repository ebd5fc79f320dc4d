"""The page of a question: letters beside the wording, colleagues called, one trail, look-alikes, and what leaves the house."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import editing
from app.answers.closing import merge_question
from app.answers.models import Answer, Assignment
from app.db.engine import Database
from app.db.session import now, override_time
from app.editions import slots
from app.editions.queries import list_editions_to_run
from app.letters import receive
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Topic
from app.questions import actions, notes, wording
from app.questions.models import Note, Question
from app.questions.notes import find_mentions, split_at_mentions
from app.questions.source_protection import list_quoted_passages
from app.workflows.indexing import index_due
from tests.support.database_checks import count_queries, dump_tables, get_one, record_statements
from tests.support.desk import follow_pages, get_section, get_version_token
from tests.support.letters import TIMURS_QUESTION, send_letters
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_submitted_answer

WORDS = "Who measures the salt in the orchards, and can a village ask for the figures?"


def open_question_page(
    database: Database, newsroom: Newsroom, *asks: str | receive.Submission, headline: str = "The Salt Wind"
) -> str:
    """A question in the desk's cleared words, with these letters behind it. Gives its page."""

    def fn(session: Session) -> str:
        letters = send_letters(session, newsroom, *asks)
        question = actions.open_question(session, newsroom.nora, letters, headline=headline, body=WORDS, language="en")
        wording.clear(session, newsroom.nora, question, question.text_id)
        return f"/questions/{question.public_id}"

    return database.write(fn)


def test_each_letter_stands_beside_the_wording_in_its_own_language_and_direction(nora, database, newsroom):
    page = nora.get(
        open_question_page(database, newsroom, TIMURS_QUESTION, "چه کسی نمک را اندازه می‌گیرد؟", "who weighs the salt")
    )
    words = get_section(page, "wording")
    assert "<del>my uncle at the cannery says that nobody weighs </del>the salt" in words
    assert words.texts("details details > summary") == [
        "Web, Persian: چه کسی نمک را اندازه می‌گیرد؟",
        "Web, English: who weighs the salt",
        "Change the wording",
    ]
    assert words.attributes("summary > bdi.said", "lang") == ["fa", "en"]
    assert '<p class="said" dir="auto" lang="fa">چه کسی نمک را اندازه می‌گیرد؟</p>' in words
    assert f'<p class="said" dir="auto" lang="en">{WORDS}</p>' in words


def test_of_many_letters_the_page_shows_the_first_and_the_others_stand_on_pages_of_thirty(nora, database, newsroom):
    address = open_question_page(
        database, newsroom, *(f"who weighs the salt in year {year}?" for year in range(1980, 2020))
    )
    page = nora.get(address)
    folded = get_section(page, "wording").texts("summary")
    assert len([words for words in folded if words.startswith("Web, English")]) == 11
    assert 'letters">All 40 letters behind it</a>' in page
    first = nora.get(f"{address}/letters")
    assert first.count('<article class="block"') == 30
    later = nora.get(first.attributes("[rel=next]", "href")[0])
    assert later.count('<article class="block"') == 10
    nora.get(f"{address}/letters?after=0123456789AB", 404)


def test_a_colleague_who_is_called_in_a_note_is_mailed_once_and_not_a_word_of_it(nora, database, newsroom):
    address = open_question_page(database, newsroom, TIMURS_QUESTION)
    nora.post(
        f"{address}/note",
        note="@ilya, and @Ilya Brandt again: she works at the cannery. @Nora knows, ask me@ilya.example.",
    )
    mail = get_one(database, OutboxMail, kind="desk.mention")
    with database.read() as session:
        message = outbox.read(session, mail)
    assert (message.to, message.subject) == ("ilya@desk.example", "Nora Lind mentions you in a note: The Steppe Letter")
    assert "cannery" not in message.text + message.subject
    assert "salt" not in (message.text + message.subject + (message.html or "")).casefold()
    assert f"{nora.base_path}{address}" in message.text
    trail = get_section(nora.get(address), "trail")
    assert trail.texts("b.called") == ["@ilya", "@Ilya Brandt", "@Nora"]
    assert (
        f'href="{nora.base_path}/outbox/{mail.public_id}">Mail to Ilya Brandt: Mentioned in a note. On its way.</a>'
        in trail
    )


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("@Nora see p. 4", [("@Nora", {1})]),
        ("@nora lind, @ILYA!", [("@nora lind", {1}), ("@ILYA", {2})]),
        ("@Noras, nora@desk.example, @@Nora, @", []),
        ("ask @Ana", [("@Ana", {3, 4})]),
        ("ask @Ana Kovač", [("@Ana Kovač", {4})]),
        ("@Гульнара: да", [("@Гульнара", {5})]),
    ],
)
def test_who_is_called_by_a_note(body, names):
    people = {1: "Nora Lind", 2: "Ilya Brandt", 3: "Ana Marić", 4: "Ana Kovač", 5: "Гульнара Есенова"}
    found = find_mentions(body, people)
    assert [(body[mention.start : mention.end], set(mention.person_ids)) for mention in found] == names
    assert "".join(piece for piece, _called in split_at_mentions(body, found)) == body


@pytest.mark.both_databases
def test_the_trail_goes_back_page_by_page_with_nothing_twice_and_nothing_left_out(nora, database, newsroom):
    address = open_question_page(
        database, newsroom, *(f"who weighs the salt in year {year}?" for year in range(1990, 2030))
    )

    def fill(session: Session) -> None:
        question = session.scalars(select(Question)).one()
        moment = now(session)
        for number in range(40):  # some of them at the very same time
            with override_time(session, moment + timedelta(minutes=number // 3)):
                notes.note(session, newsroom.ilya, question, f"Note {number}.")

    database.write(fill)
    pages = [get_section(page, "trail") for page in follow_pages(nora, f"{address}?show=", "next")]
    shown = [note for page in pages for note in page.texts("p.note")]
    assert shown == [f"Note {number}." for number in reversed(range(40))]
    whole = "".join(pages)
    assert whole.count("A reader’s letter came: Web, English.") == 40
    assert whole.count("Nora Lind made it a question.") == 1

    notes_alone = get_section(nora.get(f"{address}?show=notes"), "trail")
    assert notes_alone.count("Ilya Brandt noted:") == 30
    assert "A reader’s letter" not in notes_alone
    usual, unknown = (
        get_section(nora.get(f"{address}{query}"), "trail").parts("form ~ *") for query in ("", "?show=gossip&before=x")
    )
    assert [part.tree.body.child.tag for part in usual] == ["nav", "ol", "nav"]
    assert usual == unknown


def test_the_hour_of_a_letter_without_an_address_is_told_nowhere(nora, database, newsroom):
    trail = get_section(nora.get(open_question_page(database, newsroom, TIMURS_QUESTION)), "trail")
    [line] = trail.parts('li:has([href*="/letters/"])')
    assert (line.texts("time"), line.texts("a")) == (["–"], ["A reader’s letter came: Web, English."])


def test_the_page_takes_as_many_queries_for_thirty_letters_notes_versions_and_mails_as_for_twelve(
    nora, database, newsroom
):
    def fill(session: Session, start: int, count: int) -> None:
        answer = session.scalars(select(Answer)).one()
        question = session.get_one(Question, answer.question_id)
        named = {"credit": "first", "name": "Timur", "place": "Osh", "consent": "Print it."}
        letters = send_letters(
            session,
            newsroom,
            *(receive.Submission(f"who weighs salt no {n}?", **named) for n in range(start, start + count)),
        )
        actions.join(session, newsroom.nora, question, letters)
        for number in range(start, start + count):
            notes.note(session, newsroom.ilya, question, f"@Nora, note {number}.")
            editing.edit(session, newsroom.nora, answer, f"We put up {number} salt plates.")
            editing.ask_check(session, newsroom.nora, answer)
            editing.settle_check(session, newsroom.leyla, answer, "wrong", f"It was {number + 1}.")

    database.write(lambda session: create_submitted_answer(session, newsroom, WORDS))
    address = f"/questions/{get_one(database, Question).public_id}"
    database.write(lambda session: fill(session, 0, 12))
    few = count_queries(nora.database, lambda: nora.get(address))
    database.write(lambda session: fill(session, 12, 18))
    assert "30 readers are waiting." in nora.get(address)
    assert count_queries(nora.database, lambda: nora.get(address)) == few
    assert few <= 38


def test_topics_are_those_in_use_and_new_ones_by_name(nora, database, newsroom):
    first, second = open_question_page(database, newsroom), open_question_page(database, newsroom, headline="Ferries")
    nora.post(f"{first}/topics", more="Salt, Ports and ferries")
    nora.post(f"{second}/topics", more="ports and ferries, ,")
    with database.read() as session:
        assert list(session.scalars(select(Topic.name).order_by(Topic.name))) == ["Ports and ferries", "Salt"]
    page = nora.get(second)
    assert page.attributes("[name=topic][checked]", "value") == ["Ports and ferries"]
    assert page.attributes("datalist option", "value") == ["Salt"]
    nora.post(f"{second}/topics", seen=get_version_token(nora.get(second), "topics"))
    assert "<bdi>None yet</bdi>" in nora.get(second)


def test_look_alikes_become_one_with_one_press_or_are_not_shown_again(nora, database, newsroom):
    salt = open_question_page(database, newsroom, "who measures the salt in the orchards of our village?")
    wind = open_question_page(database, newsroom, "salt in orchards", headline="The Salt Wind again")
    ferries = open_question_page(database, newsroom, headline="Orchards and salt figures")
    waits = database.write(
        lambda session: (
            send_letters(session, newsroom, "Who measures the salt in the orchards, a village asks")[0].public_id
        )
    )
    index_due(database)
    alike = get_section(nora.get(salt), "alike")
    assert {pair.split(".")[1] for pair in alike.values("pair")} == {wind[-12:], ferries[-12:], waits}
    assert "Same words: " in alike

    nora.post(f"{salt}/alike", pair=f"question.{ferries[-12:]}", same="no")
    index_due(database)
    assert f"question.{ferries[-12:]}" not in get_section(nora.get(salt), "alike").values("pair")
    assert nora.post(f"{salt}/alike", pair=f"question.{wind[-12:]}", same="yes") == f"{nora.base_path}{salt}"
    nora.post(f"{salt}/alike", pair=f"letter.{waits}", same="yes")
    page = nora.get(salt)
    assert "3 readers are waiting." in page
    assert "The letter belongs to this question now." in page
    assert get_one(database, Question, public_id=wind[-12:]).state == "merged"
    nora.post(f"{salt}/alike", pair="question.0123456789AB", same="yes")
    assert "It isn’t there any more; nothing was done." in nora.get(salt)


def test_a_question_that_has_been_answered_ends_with_that_answer(nora, database, newsroom):
    ran = publish_answer(database, newsroom, [], headline="The Salt Wind", body=WORDS)

    def fn(session: Session) -> str:
        dana = receive.Submission("who measures the salt in the orchards?", hear_back="once", email="dana@post.example")
        question = actions.open_question(
            session, newsroom.nora, send_letters(session, newsroom, dana), headline="Salt", body=WORDS
        )
        return question.public_id

    question = database.write(fn)
    index_due(database)
    assert "Close this with that answer" in nora.get(f"/questions/{question}")
    nora.post(f"/questions/{question}/alike", pair=f"question.{ran}", same="yes")
    assert get_one(database, Question, public_id=question).state == "closed"
    mail = get_one(database, OutboxMail, kind="reader.once")
    with database.read() as session:
        assert f"/steppe/q/{ran}/" in outbox.read(session, mail).text


def test_a_question_that_ran_says_so_and_leads_to_its_public_page(nora, database, newsroom):
    ran = publish_answer(database, newsroom, [], headline="The Salt Wind", body=WORDS)
    page = nora.get(f"/questions/{ran}")
    assert ("’s answer ran." in page, "answer may run" in page) == (True, False)
    assert [link for link in page.links if link[1].startswith(f"/steppe/q/{ran}/")] == [
        ("Yes, as it ran", f"/steppe/q/{ran}/the-salt-wind")
    ]
    assert page.texts("h2")[-1] == "Notes, and what happened"  # it is read last


def test_a_letter_to_leyla_goes_in_her_thread_and_readers_words_in_it_are_looked_at_first(nora, database, newsroom):
    named = receive.Submission(
        TIMURS_QUESTION,
        credit="first",
        name="Timur",
        place="Osh",
        consent="Print it.",
        hear_back="once",
        email="timur@post.example",
    )

    def fn(session: Session) -> tuple[str, str]:
        answer = create_submitted_answer(session, newsroom, WORDS)
        question = session.get_one(Question, answer.question_id)
        actions.join(session, newsroom.nora, question, send_letters(session, newsroom, named))
        return question.public_id, session.get_one(Assignment, answer.assignment_id).public_id

    question, assignment = database.write(fn)
    write = f"/questions/{question}/assignments/{assignment}/write"
    before = dump_tables(database)
    assert nora.post(write, 422, letter=" ").count("Write the letter first") == 2
    typed = "Timur says my uncle at the cannery says that nobody counts. His address is timur@post.example, in Osh."
    page = nora.post(write, 422, letter=typed)
    found = page.texts("li > mark[dir=auto]")
    assert found == ["my uncle at the cannery says that nobody", "Osh", "Timur", "timur@post.example"]
    assert f">\n{typed}</textarea>" in page
    nora.post(write, 422, letter=typed + " nobody weighs the salt, who should we ask?", looked="\n".join(found[:2]))
    assert dump_tables(database) == before

    nora.post(write, letter="Could you ring me about the plates?")
    mail = get_one(database, OutboxMail, kind="expert.letter")
    with database.read() as session:
        message = outbox.read(session, mail)
    assert (message.to, message.subject) == ("leyla@field.example", f"About your answer: {WORDS}")
    assert "Could you ring me about the plates?" in message.text
    page = nora.post(write, 422, letter=typed, looked="\r\n".join(found))
    assert "That never leaves the house: take it out." in page
    assert page.texts('label[for="looked"]') == []
    nora.post(write, letter=typed.replace(" is timur@post.example, in", " is in"), looked="\r\n".join(found[:3]))
    trail = get_section(nora.get(f"/questions/{question}"), "trail")
    assert trail.count("Mail to Leyla Aydın: “About your answer") == 2

    back = f"/questions/{question}/answers/{get_one(database, Answer).public_id}/return"
    later = {"due_at": "2099-01-01T10:00"}
    page = nora.post(back, 422, note="Who is the uncle of Timur?", **later)
    assert page.texts("mark[dir=auto]") == ["Timur"]
    nora.post(back, note="Who reads the plates?", **later)
    assert get_one(database, Answer).state == "draft"


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("They say: My uncle at the cannery, says so.", ["My uncle at the cannery, says"]),
        ("An uncle at a cannery said that.", []),
        ("Who should we ask about this?", []),  # common words
        ("Nobody weighs the salt, who should be asked?", ["Nobody weighs the salt, who should"]),
        ("Can a village ask for the figures?", []),
        ("他问:我们村的果园里的盐是谁测量的", ["我们村的果园里的盐是谁测量的"]),
    ],
)
def test_words_of_readers_are_found_and_those_of_the_desk_are_not(text, result):
    private = [TIMURS_QUESTION, "can a village ask for the figures", "我们村的果园里的盐是谁测量的?"]
    assert list_quoted_passages(text, private, [WORDS]) == result


def test_other_words_leave_the_house_only_when_they_have_been_confirmed(nora, database, newsroom):
    """Each of the three texts; the language alone leaves the words as they were."""
    address = open_question_page(database, newsroom)
    words = {"headline": "The Salt Wind", "body": WORDS, "background": "", "language": "en"}
    for change, stays in (
        ({"language": "uk"}, True), ({"language": "en"}, True), ({"headline": "Salt in Osh"}, False),
        ({"body": "Who weighs the salt?"}, False), ({"background": "Our issue 60."}, False),
    ):  # fmt: skip
        words |= change
        page = nora.get(address)
        nora.post(f"{address}/wording", seen=get_version_token(page), **words)
        question = get_one(database, Question)
        assert (question.text.cleared_at is not None) is stays, change
        page = nora.get(address)
        assert ("Could anybody recognise who asked?" in page) is not stays
        if "headline" in change:
            assert '<mark title="A place">Osh</mark>' in page
        if not stays:
            nora.post(f"{address}/clear", label=question.text.label)


def test_pulling_needs_a_reason_that_stays_with_the_question(nora, database, newsroom):
    def fn(session: Session) -> str:
        question, edition = (
            create_answered_question(session, newsroom, WORDS),
            list_editions_to_run(session, newsroom.newsletter_id, 1)[0],
        )
        slots.pick(session, newsroom.nora, question, edition)
        return question.public_id

    address = f"/questions/{database.write(fn)}"
    before = dump_tables(database)
    assert nora.post(f"{address}/pull", 422, why=" ").count("Say in a few words why.") == 2
    assert dump_tables(database) == before
    nora.post(
        f"{address}/pull", seen=get_version_token(nora.get(address), "pull"), why="Leyla found an error in the figures."
    )
    assert get_one(database, Question).state == "answered"
    assert get_one(database, Note).body == "Leyla found an error in the figures."
    answer = f"{address}/answers/{get_one(database, Answer).public_id}"
    assert nora.post(f"{answer}/withdraw", 422, sentence="").count("Say in a few words why.") == 2
    nora.post(f"{answer}/withdraw", sentence="The figures can’t be had.")
    assert get_one(database, Answer).state == "withdrawn"
    assert "The figures can’t be had." in nora.get(address)


def test_the_page_of_a_question_loads_no_drafts_of_forms_where_nobody_has_any(nora, database, newsroom):
    address = open_question_page(database, newsroom)
    with record_statements(nora.database) as statements:
        nora.get(address)
    assert [one for one in statements if "SELECT form_drafts." in one] == []


@pytest.mark.both_databases
def test_a_look_alike_that_was_merged_since_is_shown_as_its_lead_and_all_leads_are_read_at_once(
    nora, database, newsroom
):
    """The index hears of a merge a second later, so that a letter can look like a question that is another's by now."""

    def open_pair(session: Session, number: int) -> tuple[Question, Question]:
        asks = f"Who measures the salt in orchard {number} of the Karakum plain?"
        return tuple(
            actions.open_question(session, newsroom.nora, [], headline=words, body=words, language="en")
            for words in (asks, f"Ferry {number}: why does it stand still?")
        )  # type: ignore[return-value]

    pairs = [tuple(one.id for one in database.write(lambda s, n=n: open_pair(s, n))) for n in range(3)]
    asks = "who measures salt in the orchards of the Karakum?"
    letter = f"/letters/{database.write(lambda session: send_letters(session, newsroom, asks)[0].public_id)}"
    index_due(database)
    counts = []
    for first, lead in pairs:
        database.write(
            lambda s, a=first, b=lead: merge_question(s, newsroom.nora, s.get_one(Question, a), s.get_one(Question, b))
        )
        page = nora.get(letter)
        assert "why does it stand still?" in page
        counts.append(count_queries(nora.database, lambda: nora.get(letter)))
    assert counts[0] == counts[-1]
    assert page.count("why does it stand still?") >= 3
