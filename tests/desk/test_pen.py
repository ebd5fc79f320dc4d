"""The holding pen and the other places of mail that came in: what the desk sees of it, and what it says about it."""

import pytest
from sqlalchemy import func, select

from app.answers import assigning
from app.answers.models import AnswerText
from app.audit import Event
from app.core.actors import Mailroom
from app.letters.models import Letter
from app.mail import erasing, inbound
from app.mail.inbound import MailContent
from app.mail.models import Inbound
from app.newsletters.models import Newsletter
from tests.support.assignments import ask_expert
from tests.support.database_checks import count_queries, get_one
from tests.support.desk import get_version
from tests.support.mailroom import LEYLAS_REPLY, REPLY_TEXT, get_mail_by_public_id, place_mail, receive_expert_mail
from tests.support.pages import Page
from tests.support.sample_newsroom import create_coast_newsletter

TIMUR = MailContent(
    from_name="Тимур",
    from_address="timur@post.example",
    subject="соль",
    language="ru",
    text="Кто измеряет соль в ветре?",
)
PLACES = ("pen", "failed", "automatic", "bounce", "spam")


def rows_of(page: Page) -> list[str]:
    """The ids of the mails in the list, in its order."""
    hrefs = page.attributes("a.text[dir=auto]", "href")
    return [href.removeprefix("/desk/steppe/pen/")[:12] for href in hrefs if href.startswith("/desk/steppe/pen/")]


def to_choose(page: Page) -> list[str]:
    """Whose reply the opened mail may be, by their invitations."""
    return [sent for sent, _words in page.options("select") if sent]


def buttons(page: Page) -> list[str]:
    """The words on the buttons of the opened mail, without the one that shows whom it says it is from."""
    return [words for words in page.part("section.pane").buttons if not words.startswith("Show the address")]


def test_each_place_has_a_tab_and_shows_its_own_mails_newest_first(nora, database, newsroom):
    first, second = place_mail(database, newsroom), place_mail(database, newsroom, reading=TIMUR)
    others = {place: place_mail(database, newsroom, place) for place in PLACES[1:]}
    assert rows_of(nora.get("/pen")) == [second, first]
    assert {place: rows_of(nora.get(f"/pen?place={place}")) for place in others} == {
        place: [public_id] for place, public_id in others.items()
    }
    nora.get("/pen?place=letter", 404)
    nora.get("/pen?place=secret", 404)
    nora.get("/pen?before=0123456789AB", 404)
    nora.get("/pen/0123456789AB", 404)


def test_an_empty_place_says_what_would_stand_there(nora):
    assert "A mail waits here when it answers an expert’s invitation and nobody can be sure" in nora.get("/pen")
    assert "Put the desk’s address on the newsletter’s list" in nora.get("/pen?place=edition")


def test_a_mail_shows_who_it_says_it_is_from_its_words_what_was_cut_and_why_it_is_here(nora, database, newsroom):
    page = nora.get(f"/pen/{place_mail(database, newsroom, reasons=['other sender', 'not checked', 'moon_phase'])}")
    assert '<b dir="auto">Leyla Aydın</b>' in page
    assert "leyla.private@post.example" not in page
    assert "(anybody can write that)" in page
    assert '<h1 id="mail" dir="auto">Re: The Salt Wind</h1>' in page
    assert f'<blockquote class="asked asked--mail" dir="auto" lang="en">{REPLY_TEXT}</blockquote>' in page
    assert "<summary>What was cut away</summary>" in page
    assert "> Who measures the salt in the wind?\n-- \nLeyla</div>" in page
    assert page.texts(".files li") == ["plates 2009.pdf not looked at, 48.2 kB"]
    assert page.texts("ul.whys > li") == [
        "It came from a different address than the one we wrote to.",
        "No mail server has verified the sender.",
        "The mailroom noted: moon phase.",
    ]


def test_what_stands_in_a_mail_is_text_and_nothing_else(nora, database, newsroom):
    bad = '<img src="https://tracker.example/1.gif"><script>alert(1)</script>'
    reading = MailContent(bad, bad, bad, "", '"><script>', bad, bad, ((bad, 1),))
    public_id = place_mail(database, newsroom, reading=reading, reasons=[bad])
    for path in ("/pen", f"/pen/{public_id}"):
        raw = nora.client.get(nora.base_path + path).text
        assert "<img" not in raw
        assert "<script>alert" not in raw
        assert "&lt;script&gt;alert(1)" in raw


def test_an_expert_whose_address_is_not_the_known_one_is_offered_where_the_token_says_so(
    nora, database, newsroom, salt
):
    public_id = place_mail(database, newsroom, assignment_id=salt.assignment_id)
    page = nora.get(f"/pen/{public_id}")
    assert buttons(page)[:4] == ["It is Leyla Aydın’s reply", "It is a reader’s letter", "Robot", "Spam"]
    assert "It answers our mail about" in page
    led = nora.post(f"/pen/{public_id}/answer", assignment=salt.public_id, version=get_version(page))
    letter = get_one(database, Letter, author="expert")
    assert led == f"{nora.base_path}/letters/{letter.public_id}"
    assert (letter.state, letter.assignment_id, letter.body) == ("received", salt.assignment_id, REPLY_TEXT)
    assert (get_mail_by_public_id(database, public_id).state, get_mail_by_public_id(database, public_id).letter_id) == (
        "letter",
        letter.id,
    )
    assert salt.state() == "invited"


def test_the_address_alone_only_puts_its_owner_first(nora, database, newsroom, salt):
    marek = ask_expert(database, newsroom, "Who owns the water of the canal?", expert="marek")
    reading = MailContent("L. A.", "LEYLA@field.example", "no subject", text="Yes, gladly.")
    page = nora.get(f"/pen/{place_mail(database, newsroom, reading=reading)}")
    assert buttons(page)[0] == "It is Leyla Aydın’s reply"
    assert "An expert with this address was asked about" in page
    assert page.options("select") == [("", "nobody chosen yet"), (marek.public_id, "Marek Dvořák: The Salt Wind")]
    more = ask_expert(database, newsroom, "Who cleans the canal?")
    page = nora.get(f"/pen/{place_mail(database, newsroom, reading=reading)}")
    assert buttons(page)[0] == "It is a reader’s letter"  # which of her two questions it is about, nobody can tell
    assert to_choose(page) == [more.public_id, salt.public_id, marek.public_id]


def test_nobody_is_chosen_for_a_strangers_mail_until_somebody_chooses(nora, database, newsroom, salt):
    public_id = place_mail(database, newsroom, reading=TIMUR)
    page = nora.post(f"/pen/{public_id}/answer", 422, assignment="", version=get_version(nora.get(f"/pen/{public_id}")))
    assert page.count("Choose whose reply it is") == 2  # in the summary and at the field
    assert get_mail_by_public_id(database, public_id).state == "pen"


def test_who_said_no_is_listed_for_their_own_mail_and_for_no_strangers(nora, database, newsroom, salt):
    for question, end in (("Who owns the canal?", assigning.cancel), ("Who cleans the canal?", None)):
        other = ask_expert(database, newsroom, question)
        if end:
            database.write(lambda s, other=other, end=end: end(s, newsroom.nora, other.assignment(s)) and None)
    no = lambda s: assigning.decline(s, newsroom.leyla, other.assignment(s), "other")  # noqa: E731
    database.write(no)
    hers = MailContent("L. A.", "LEYLA@field.example", "no subject", text="I can after all.")
    options = {
        name: to_choose(nora.get(f"/pen/{place_mail(database, newsroom, reading=reading)}"))
        for name, reading in (("hers", hers), ("a stranger's", TIMUR))
    }
    assert options == {"hers": [other.public_id, salt.public_id], "a stranger's": [salt.public_id]}


def test_what_was_given_to_the_wrong_expert_goes_back_to_the_pen_until_it_is_filed(nora, database, newsroom, salt):
    public_id = place_mail(database, newsroom, reading=TIMUR)
    led = nora.post(f"/pen/{public_id}/answer", assignment=salt.public_id, version="2")
    page = nora.get(led)
    assert "It isn’t theirs: back to the holding pen" in page
    assert nora.post(f"{led}/to-pen", version=get_version(page)) == f"{nora.base_path}/pen/{public_id}"
    mail = get_mail_by_public_id(database, public_id)
    assert (mail.state, mail.letter_id, mail.assignment_id) == ("pen", None, None)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter).filter_by(author="expert")) == 0
    page = nora.get(f"/pen/{public_id}")
    assert "It isn’t their letter any more. Say what it is." in page
    led = nora.post(f"/pen/{public_id}/answer", assignment=salt.public_id, version=get_version(page))
    nora.post(f"{led}/reply", kind="comment", version="1")
    assert "back to the holding pen" not in nora.get(led)
    nora.post(f"{led}/to-pen", 409, version="2")
    came_by_itself = receive_expert_mail(database, salt.assignment_id)
    assert "back to the holding pen" not in nora.get(f"/letters/{came_by_itself}")
    nora.post(f"/letters/{came_by_itself}/to-pen", 409, version="1")


def test_a_mail_of_nobody_known_can_still_be_given_to_an_expert(nora, database, newsroom, salt):
    public_id = place_mail(database, newsroom, reading=TIMUR)
    page = nora.get(f"/pen/{public_id}")
    assert buttons(page) == ["It is a reader’s letter", "Robot", "Spam", "Read it again", "It is theirs"]
    nora.post(f"/pen/{public_id}/answer", assignment=salt.public_id, version=get_version(page))
    assert get_one(database, Letter, author="expert").body == TIMUR.text


def test_each_other_word_of_the_desk_gives_a_mail_its_place_and_opens_the_next(nora, database, newsroom):
    ids = [place_mail(database, newsroom, reading=TIMUR) for _ in range(4)]
    seen = get_version(nora.get(f"/pen/{ids[3]}"))
    assert nora.post(f"/pen/{ids[3]}/letter", version=seen) == f"{nora.base_path}/pen/{ids[2]}"
    assert nora.post(f"/pen/{ids[2]}/robot", version=seen) == f"{nora.base_path}/pen/{ids[1]}"
    assert nora.post(f"/pen/{ids[0]}/spam", version=seen) == f"{nora.base_path}/pen/{ids[1]}"
    led = nora.post(f"/pen/{ids[1]}/again", version=seen)
    assert led == f"{nora.base_path}/pen?place=pen"
    assert "Reading it again. It will be filed within a minute." in nora.get(led)
    assert [get_mail_by_public_id(database, key).state for key in ids] == ["spam", "stored", "automatic", "letter"]
    letter = get_one(database, Letter, author="reader")
    assert (letter.channel, letter.body, letter.state) == ("mail", TIMUR.text, "received")
    assert "It is a letter now." in nora.get(f"/pen/{ids[3]}")
    assert "It is being read at this moment." in nora.get(f"/pen/{ids[1]}")


def test_an_assistant_may_do_all_that(ilya, database, newsroom, salt):
    ids = [place_mail(database, newsroom, reading=TIMUR) for _ in range(5)]
    acts = ("letter", "robot", "spam", "again")
    for public_id, act in zip(ids, acts, strict=False):
        ilya.post(f"/pen/{public_id}/{act}", version=get_version(ilya.get(f"/pen/{public_id}")))
    ilya.post(f"/pen/{ids[4]}/answer", assignment=salt.public_id, version=get_version(ilya.get(f"/pen/{ids[4]}")))
    assert [get_mail_by_public_id(database, key).state for key in ids] == [
        "letter",
        "automatic",
        "spam",
        "stored",
        "letter",
    ]


@pytest.mark.parametrize("act", ["letter", "robot", "spam", "again", "answer"])
def test_the_second_of_two_is_told_and_nothing_is_done_twice(nora, ilya, database, newsroom, salt, act):
    public_id = place_mail(database, newsroom)
    seen = get_version(nora.get(f"/pen/{public_id}"))
    ilya.post(f"/pen/{public_id}/letter", version=seen)
    page = nora.post(f"/pen/{public_id}/{act}", 409, version=seen, assignment=salt.public_id)
    assert "Ilya Brandt made the mail a letter, 1 minute ago." in page and "nothing was written over it" in page
    assert "It is a letter now." in nora.get(f"/pen/{public_id}")
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter).where(Letter.channel == "mail")) == 1
        assert session.scalar(select(func.count()).select_from(Event).where(Event.noun == "inbound")) == 3
        assert session.scalar(select(func.count()).select_from(AnswerText)) == 0


def test_a_press_without_the_version_that_was_seen_does_nothing(nora, database, newsroom):
    public_id = place_mail(database, newsroom)
    nora.post(f"/pen/{public_id}/spam", 409)
    nora.post(f"/pen/{public_id}/burn", 404, version="2")
    nora.post(f"/pen/{public_id}/answer", 404, version="2", assignment="0123456789AB")
    assert get_mail_by_public_id(database, public_id).state == "pen"


def test_a_mail_that_is_no_longer_kept_can_only_be_sorted(nora, database, newsroom, salt):
    public_id = place_mail(database, newsroom, assignment_id=salt.assignment_id)
    seen = get_version(nora.get(f"/pen/{public_id}"))
    database.write(lambda session: erasing.destroy(session, [get_mail_by_public_id(database, public_id).id]))
    page = nora.get(f"/pen/{public_id}")
    assert buttons(page) == ["Robot", "Spam"]
    assert "The mail itself is no longer kept" in page
    said = nora.post(f"/pen/{public_id}/letter", 409, version=seen)
    assert "The mail itself is no longer kept, so nothing can be made of it." in said
    nora.post(f"/pen/{public_id}/spam", version=seen)
    assert get_mail_by_public_id(database, public_id).state == "spam"


def test_a_mail_without_words_becomes_nobodys_letter(nora, database, newsroom, salt):
    public_id = place_mail(database, newsroom, reading=MailContent("Leyla Aydın", "leyla@field.example"))
    page = nora.get(f"/pen/{public_id}")
    assert "There are no words in it." in page
    said = nora.post(f"/pen/{public_id}/answer", 409, assignment=salt.public_id, version=get_version(page))
    assert "There are no words in it, so it can’t become a letter." in said
    assert get_mail_by_public_id(database, public_id).state == "pen"


def test_one_that_could_not_be_read_is_read_again(nora, database, newsroom):
    public_id = place_mail(database, newsroom, "failed", reading=None, reasons=["time"])
    page = nora.get(f"/pen/{public_id}")
    assert buttons(page) == ["Robot", "Spam", "Read it again"]
    assert "Reading it took too long and was stopped." in page
    nora.post(f"/pen/{public_id}/again", version=get_version(page))
    assert get_mail_by_public_id(database, public_id).state == "stored"


def test_what_a_mail_is_about_is_one_press_away(nora, database, newsroom, salt):
    first = place_mail(database, newsroom, "spam")
    twin = place_mail(database, newsroom, "duplicate", duplicate_of_id=get_mail_by_public_id(database, first).id)
    robot = place_mail(database, newsroom, "automatic", reasons=["vacation"], assignment_id=salt.assignment_id)
    page = nora.get(f"/pen/{twin}")
    assert "The first one" in page.texts("dt")
    assert page.attributes("section.pane dd > a", "href") == [f"{nora.base_path}/pen/{first}"]
    page = nora.get(f"/pen/{robot}")
    assert "A mail program sent it while its owner is away." in page
    assert "It is Leyla Aydın’s reply" in page  # a person whom a program took for a robot


def test_the_pen_stands_in_the_sections_while_something_is_in_it_or_mail_comes_in(nora, database, newsroom):
    assert "Holding pen" not in nora.get("/letters")
    place_mail(database, newsroom)
    in_sections = nora.get("/questions").parts(f'a[href="{nora.base_path}/pen"]')
    assert [link.main_text for link in in_sections] == ["Holding pen 1"]
    assert f'<a href="{nora.base_path}/pen">Holding pen <b>1</b></a>' in nora.get("/letters")

    def let_in(session):
        session.scalars(select(Inbound)).one().newsletter_id = None
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = "ask@steppe.example"

    database.write(let_in)
    assert "Holding pen" in nora.get("/letters")


def test_this_edition_tells_of_broken_mail_first_and_of_the_pen(nora, database, newsroom, salt):
    place_mail(database, newsroom)
    place_mail(database, newsroom, reading=TIMUR)
    place_mail(database, newsroom, "failed", reading=None)
    letter = receive_expert_mail(database, salt.assignment_id)
    page = nora.get("/")
    assert "One mail that came in could not be read." in page.part("section.alarm").main_text
    assert f'<a href="{nora.base_path}/pen">2 mails wait in the holding pen</a>' in page
    assert f'<a href="{nora.base_path}/letters/{letter}">Leyla Aydın has written by mail</a>' in page


def test_what_belongs_to_another_desk_is_not_there(nora, database, newsroom, salt):
    mine, other = place_mail(database, newsroom), place_mail(database, newsroom)

    def move(session):
        coast = create_coast_newsletter(session)
        session.scalars(select(Inbound).filter_by(public_id=other)).one().newsletter_id = coast.id

    database.write(move)
    assert rows_of(nora.get("/pen")) == [mine]
    nora.get(f"/pen/{other}", 404)
    for act in ("answer", "letter", "robot", "spam", "again"):
        nora.post(f"/pen/{other}/{act}", 404, version="2", assignment=salt.public_id)
    assert get_mail_by_public_id(database, other).state == "pen"


@pytest.mark.both_databases
def test_the_list_takes_as_many_queries_for_sixty_mails_as_for_three(nora, database, newsroom):
    def fill(number: int) -> None:
        def fn(session):
            for at in range(number):
                row = inbound.store(session, b"x", source="lmtp", newsletter_id=newsroom.newsletter_id)
                inbound.store_reading(session, row, LEYLAS_REPLY)
                inbound.place(session, Mailroom(), row, "pen", ["other sender" if at % 2 else "not checked"])

        database.write(fn)

    fill(3)
    few = count_queries(nora.database, lambda: nora.get("/pen"))
    fill(57)
    assert count_queries(nora.database, lambda: nora.get("/pen")) == few
    page = nora.get("/pen")
    assert len(rows_of(page)) == 40
    older = nora.get(page.attributes("[rel=next]", "href")[0])
    assert len(rows_of(older)) == 20
    assert set(rows_of(older)) & set(rows_of(page)) == set()


def test_looking_changes_nothing(nora, database, newsroom, salt):
    public_id = place_mail(database, newsroom, assignment_id=salt.assignment_id)
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(Event))
    for path in ("/pen", "/pen?place=spam", f"/pen/{public_id}", "/"):
        nora.get(path)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == before
