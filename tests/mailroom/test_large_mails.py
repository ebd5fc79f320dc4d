"""A mail over 10 MB, such as a question above a telephone's photo, keeps its words, whichever way it comes in."""

import io
from collections.abc import Callable

import pytest

from app.db.engine import Database
from app.mailroom import pipe
from app.mailtext.parsing.parse import MAX_PARSED
from tests.support.desk import Desk
from tests.support.incoming_mails import DESK_ADDRESS, QUESTION, dmarc_pass, mail
from tests.support.mail_servers import lmtp_server
from tests.support.mailroom import LEYLAS_ADDRESS, LmtpClient, NewsletterMailroom
from tests.support.sample_newsroom import Newsroom

PHOTO = b"\xff\xd8" + bytes(range(256)) * 45_000  # 11.5 MB
LARGE = mail(attachments=[("road.jpg", PHOTO)])


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def by_pipe(database: Database) -> None:
    assert pipe.receive(database, io.BytesIO(LARGE), DESK_ADDRESS, "timur@post.example")[0] == 0


def by_lmtp(database: Database) -> None:
    with lmtp_server(database) as port:
        server = LmtpClient(port)
        assert server.deliver(LARGE + b"\r\n.\r\n", DESK_ADDRESS) == ["250 2.0.0 stored"]
        server.close()


@pytest.mark.parametrize("bring", [by_pipe, by_lmtp, None], ids=["pipe", "LMTP", "webhook and IMAP"])
def test_the_words_above_a_large_photo_are_a_letter(
    room: NewsletterMailroom, bring: Callable[[Database], None] | None
) -> None:
    if bring is None:
        room.store_mail(LARGE, source="imap")
    else:
        bring(room.database)
    room.place_mails()
    assert (room.list_states(), [letter.body for letter in room.list_letters()]) == (["letter"], [QUESTION])


def test_an_expert_may_hang_a_large_file_on_the_answer(room: NewsletterMailroom) -> None:
    _, address = room.invite_expert()
    words = "We measured it at the station for ten years."
    row = room.receive(
        mail(
            LEYLAS_ADDRESS,
            address,
            body=words,
            attachments=[("data.xlsx", PHOTO)],
            Authentication_Results=dmarc_pass(LEYLAS_ADDRESS),
        )
    )
    assert (row.state, [letter.body for letter in room.list_letters()]) == ("letter", [words])


def test_the_desk_is_told_what_was_not_read(room: NewsletterMailroom, nora: Desk) -> None:
    room.receive(LARGE)
    (letter,) = room.list_letters()
    sentence = f"Not read the last {(len(LARGE) - MAX_PARSED) / 1e6:.1f} MB of a very large mail"
    assert sentence in nora.get(f"/letters/{letter.public_id}").main_text


@pytest.mark.threat("hostile mail")
def test_a_large_mail_without_words_waits_whole_in_the_holding_pen(room: NewsletterMailroom) -> None:
    row = room.receive(mail(body="", attachments=[("road.jpg", PHOTO)]))
    assert (row.state, row.reasons) == ("failed", ["bytes"])
