"""The page "What we protect you from, and what we can't", sentence by sentence: each claim with the test that holds it.

A sentence that is new, or worded anew, fails here until somebody says what proves it. Advice, and what is true of others' machines, promises nothing of
ours, and stands apart.
"""

import ast
import re
from functools import cache

import pytest
from flask.testing import FlaskClient

from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.settings.translation_server import TranslationServer
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT, parse_module

ONION = f"http://{'steppe22' * 7}.onion"

PROVED = {
    "Where your browser runs scripts, it does a small sum while you type, by which we tell your question from a machine’s in a flood of letters; the sum says nothing of you, and without it your question is taken all the same.": (
        "journeys/test_proof.py::test_a_browser_solves_it_while_its_reader_types",
        "journeys/test_proof.py::test_where_it_is_not_done_the_question_is_taken_all_the_same",
        "reader/test_proof.py::test_the_task_says_nothing_of_when_the_form_was_opened",
    ),
    "No page of the desk shows the address that you left.": (
        "desk/test_addresses.py::test_whom_a_mail_went_to_is_shown_on_a_press_and_a_reader_never",
    ),
    "If you wrote by mail, the desk reads all that stands in it, a signature too, and can open its sender’s address as long as it keeps that mail as it came; then it is written down who did.": (
        "desk/test_addresses.py::test_the_address_of_whoever_wrote_a_mail_is_shown_on_a_press",
        "desk/test_addresses.py::test_the_trail_and_its_files_tell_who_looked_at_whose_address_and_no_address",
    ),
    "The desk can open the files that hang on a mail.": (
        "desk/test_mail_files.py::test_a_file_is_downloaded_as_bytes_that_no_browser_opens",
        "desk/test_mail_files.py::test_files_go_with_the_mail",
    ),
    "This site sets no cookie for readers, needs no account and no script, and loads nothing from anybody else.": (
        "reader/test_pages.py::test_no_page_sets_a_cookie_or_differs_by_one",
        "reader/test_asking.py::test_the_form_is_light_and_needs_nothing_but_its_style",
        "house/test_gates.py::test_every_page_of_the_house_has_every_header",
    ),
    "Our program writes down neither your internet address nor your browser.": (
        "watching/test_logs.py::test_nothing_of_a_reader_is_logged_at_any_level_whatever_goes_wrong",
        "house/test_safety.py::test_the_servers_own_log_names_no_caller_and_no_address",
        "house/test_privacy_record.py::test_every_column_that_can_hold_something_of_a_person_is_named",
    ),
    "If you choose “Just a number”, we keep the day on which your question came, but not the minute.": (
        "reader/test_asking.py::test_just_a_number_keeps_no_address_and_no_minute",
        "house/test_safety.py::test_of_a_reader_without_an_address_no_row_knows_the_minute",
    ),
    "On that day itself, whoever took our database could still work out the time, from what came in before and after your question.": (
        "house/test_order_of_a_day.py::test_today_the_desk_still_reads_letters_in_the_order_in_which_they_came",
    ),
    "In the night after it (by UTC) we put all of that into another order.": (
        "house/test_order_of_a_day.py::test_once_the_day_is_over_no_way_tells_when_a_letter_with_just_a_number_came",
        "house/test_order_of_a_day.py::test_whoever_looks_at_the_old_rows_all_the_time_only_puts_it_off",
    ),
    "What stays is when the desk worked with your question, and when you took it back.": (
        "audit/test_trail.py::test_the_trail_is_narrowed_by_person_act_noun_and_day",
        "house/test_migrations.py::test_the_trail_is_append_only",
    ),
    "We keep your number only in a scrambled form that can’t be turned back.": (
        "house/test_seal.py::test_a_receipt_follows_from_the_form_and_has_twenty_digits",
        "house/test_seal.py::test_a_hash_made_with_an_older_key_is_found_again",
    ),
    "The words of your question and what you add to it.": (
        "house/test_privacy_record.py::test_every_table_is_in_the_record_as_one_that_holds_something_or_as_one_that_does_not",
        "reader/test_held.py::test_the_file_has_all_of_it_and_its_name_says_nothing",
    ),
    "The desk reads them as you wrote them.": (
        "reader/test_asking.py::test_any_script_and_any_trick_is_kept_as_it_was_written_and_shown_as_text",
    ),
    "Experts get the desk’s words instead, unless you chose “word for word” or an editor writes down why a sentence of yours may stay.": (
        "house/test_safety.py::test_the_expert_is_asked_in_cleared_words_only",
        "questions/test_own_words.py::test_a_letter_that_is_only_mended_is_still_the_readers_and_one_put_anew_is_the_desks",
        "desk/test_free_texts.py::test_readers_words_in_what_is_typed_for_an_expert_are_looked_at_first",
    ),
    "An address, a number or a key by which somebody could be reached never goes to them.": (
        "expert/test_firewall.py::test_by_what_timur_can_be_reached_goes_to_no_expert_whoever_says_that_it_may",
        "desk/test_free_texts.py::test_by_what_a_reader_can_be_reached_goes_by_no_press_whoever_has_looked_at_it",
    ),
    "We erase these words when you take them back, and by themselves when they have had their time: 365 days after the answer ran, 183 days after your question came to an end or nobody took it up, 30 days after it was set aside or taken for spam.": (
        "workflows/test_forgetting.py::test_each_letter_goes_on_its_day_and_no_byte_of_it_stays",
        "workflows/test_forgetting.py::test_the_protection_page_names_the_days_of_the_settings",
        "workflows/test_consent_and_withdrawal.py::test_erased_words_are_in_no_file_of_the_database",
    ),
    "If the desk can’t read the language of your question, it can let a machine of its own translate it: your words and your background go there when somebody of the desk asks for it, and never your address, your name or a file.": (
        "desk/test_machine_translation.py::test_a_letter_is_translated_on_a_press_and_stays_with_the_desk",
        "desk/test_machine_translation.py::test_what_somebody_sealed_and_what_is_too_long_never_goes_out",
        "desk/test_machine_translation.py::test_without_the_setting_there_is_no_button_no_press_and_no_request",
    ),
    "What the machine makes of them is kept encrypted, for the desk alone, and is erased with your question.": (
        "desk/test_machine_translation.py::test_a_letter_is_translated_on_a_press_and_stays_with_the_desk",
        "desk/test_machine_translation.py::test_it_goes_with_the_letter_also_while_the_answer_is_on_its_way",
    ),
    "As long as your question may still be answered, they stay.": (
        "workflows/test_forgetting.py::test_a_newsletter_keeps_as_long_as_its_settings_say",
    ),
    "If you left an e-mail address or a name: these, encrypted, in a place of their own.": (
        "house/test_seal.py::test_a_sealed_address_opens_in_its_place_only",
        "house/test_privacy_record.py::test_what_it_calls_sealed_is_what_the_keys_seal",
        "reader/test_asking.py::test_an_address_and_a_name_are_kept_with_the_consent_as_it_was_read",
    ),
    "The address is erased when it is used up, and after 90 days at the latest.": (
        "mail/test_outbox.py::test_one_mail_then_forget_me_is_one_transaction",
        "house/test_safety.py::test_an_address_does_not_outlive_its_day_in_a_mail_that_failed",
    ),
    "A question that you mail says more of you: your address, when you wrote, often your internet address and your program.": (
        "mailroom/test_letters_by_mail.py::test_a_letter_keeps_the_words_and_the_language_and_seals_the_address",
    ),
    "We keep the mail as it came, encrypted, and destroy it 14 days after the desk has filed it.": (
        "mailroom/test_letters_by_mail.py::test_nothing_of_a_mail_stands_in_the_clear_but_the_letters_words",
        "mailroom/test_letters_by_mail.py::test_mails_are_destroyed_some_days_after_they_were_filed",
        "mailroom/test_letters_by_mail.py::test_another_number_of_days_holds_for_what_is_there",
    ),
    "A page that is still open shows your number.": (
        "reader/test_asking.py::test_a_double_press_makes_one_letter_and_shows_the_same_receipt",
    ),
    "And for seven days, whoever goes back to the form in the same browser can see the number again.": (
        "reader/test_lost_line.py::test_the_form_comes_back_and_sending_it_again_gives_the_same_number",
        "reader/test_asking.py::test_a_form_that_is_too_old_or_forged_is_shown_again_with_its_text",
    ),
    "“Leave this page” opens another one at once.": (
        "reader/test_held.py::test_the_way_off_and_the_onion_address_stand_there_once_the_desk_has_set_them",
    ),
    "The desk looks for that before anything leaves, but you know best.": (
        "questions/test_recognise.py::test_what_points_to_the_asker_is_marked",
        "house/test_safety.py::test_words_that_nobody_cleared_are_neither_exported_nor_locked",
    ),
    "If we write to you, your mail company knows that we did, and can read the message: none of your words, but often a link to the answer.": (
        "mail/test_messages.py::test_a_reader_s_mail_has_a_neutral_subject",
        "house/test_safety.py::test_what_readers_wrote_is_on_no_page_in_no_mail_no_export_no_trail_and_no_log",
    ),
    "A week after our message to you nothing here ties it to your question any more.": (
        "workflows/test_unlinked_notices.py::test_no_notice_leads_to_a_letter_or_a_question",
    ),
    "But whoever has your mail company’s records and what we hold still sees on which day we wrote, and which questions we answered or ended that day: if it was only one, it was yours.": (
        "workflows/test_unlinked_notices.py::test_no_notice_leads_to_a_letter_or_a_question",
    ),
    "If a court ordered it, or somebody broke in: the questions as they were written, the day of each (the minute, where you left an address; of today’s, it could be worked out), and the addresses and names that are not erased yet.": (
        "house/test_privacy_record.py::test_every_column_that_can_hold_something_of_a_person_is_named",
        "reader/test_held.py::test_the_file_has_all_of_it_and_its_name_says_nothing",
    ),
    "For “Just a number” without a name there is nothing that says who you are, unless your own words do.": (
        "reader/test_asking.py::test_just_a_number_keeps_no_address_and_no_minute",
        "reader/test_held.py::test_with_just_a_number_the_file_has_the_day_and_no_minute",
    ),
    "When you take a question back, its words, your address and your name are erased at once; when they have had their time, in the hours after.": (
        "reader/test_receipt.py::test_taking_it_back_erases_it_at_once_and_for_good",
        "workflows/test_forgetting.py::test_each_letter_goes_on_its_day_and_no_byte_of_it_stays",
        "house/test_remains.py::test_the_transaction_that_erases_empties_the_log",
    ),
    "What stays: that there was a letter, on which day, to which question of the desk it belonged, and whether it was taken back.": (
        "workflows/test_forgetting.py::test_what_they_were_stays_and_what_was_printed",
        "workflows/test_consent_and_withdrawal.py::test_taking_a_letter_back_erases_it_and_the_desks_wording",
    ),
    "What we printed stays printed.": (
        "workflows/test_forgetting.py::test_a_name_that_was_printed_stays_printed_and_nowhere_else",
    ),
    "Backups, and the logs of some databases, can hold older copies until they are deleted.": (
        "backup/test_erased_again.py::test_without_the_list_they_would_stand_there_and_that_is_said_first",
    ),
    "We can take a name or a whole answer off this site, but not out of there.": (
        "reader/test_receipt.py::test_a_name_comes_off_the_page_where_it_ran_also_for_those_who_hold_a_copy",
        "reader/test_pages.py::test_a_withdrawn_page_is_a_stub_everywhere_at_once",
    ),
    f"Our address in Tor Browser: {ONION}": (
        "reader/test_held.py::test_the_way_off_and_the_onion_address_stand_there_once_the_desk_has_set_them",
    ),
}  # fmt: skip
# Advice, and what others do or see: nothing of the program could make it untrue.
OF_OTHERS = {
    "A photo can tell place, time and device, a document its author: better send none.",
    "Asking can be dangerous where you live.",
    "Read this before you decide what to write, and from where.",
    "Your internet company, and whoever it has to obey, can see that you opened this site and when, though not what you wrote.",
    "Tor Browser hides that; that you use Tor may be visible, too.",
    "Whoever holds your phone or computer, or watches it, sees what you see.",
    "A private window forgets it when you close it.",
    "Your browser’s history still has this one.",
    "The question itself can give you away: by a name, a place, a date, or because only three people could know it.",
    "And a way of writing can be recognised.",
    "The company that runs our server could log addresses without us.",
    "What has run in a newsletter lies in many in-boxes.",
    "Use a device that nobody else opens, and Tor Browser if that isn’t suspicious by itself where you are.",
    "Leave out names, places, dates and workplaces.",
    "Choose “Just a number”, and keep it where only you look.",
    "Close the page, and read the answer where everybody reads it.",
}


def sentences(page: str) -> list[str]:
    """Every sentence of the page's own part, in its order; headings and the button are none."""
    read = Page(page)
    texts = [
        " ".join(text.split())
        for text in (*read.texts("main .lede"), *read.texts("main p.said"), *read.texts("main ol.steps li"))
    ]
    return [part for text in texts for part in sentences_of(text)]


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z“])", text)


@pytest.fixture
def shown(client: FlaskClient, database: Database, newsroom: Newsroom) -> list[str]:
    """The page at its longest: the desk has set a way off and an onion address, mail comes in, and letters are
    translated."""

    def change(session: object) -> None:
        one = session.get_one(Newsletter, newsroom.newsletter_id)  # type: ignore[attr-defined]
        one.onion, one.leave_to, one.inbox = ONION, "https://weather.example/", "ask@steppe.example"

    database.write(change)
    client.application.config["TRANSLATION_SERVER"] = TranslationServer("http://127.0.0.1:5000", "")
    return sentences(client.get("/steppe/protection").text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_sentence_of_the_page_has_its_proof_or_promises_nothing(shown: list[str]) -> None:
    assert [one for one in shown if one not in PROVED and one not in OF_OTHERS] == [], "say in PROVED what holds it"
    assert [one for one in (*PROVED, *OF_OTHERS) if one not in shown] == [], "no longer on the page"
    assert set(PROVED) & OF_OTHERS == set()
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_says_nothing_beside_its_sentences(shown: list[str], client: FlaskClient) -> None:
    """No paragraph or list item escapes the reading above; the newsroom's own notes would stand in `details`."""
    page = Page(client.get("/steppe/protection").text)
    page_words = " ".join(shown)
    texts = [" ".join(text.split()) for text in page.texts("main p, main li") if text.strip()]
    button = "Ask a question"
    assert [
        text for text in texts if text != button and not all(part in page_words for part in sentences_of(text))
    ] == []


@cache
def there_in(file: str) -> frozenset[str]:
    return frozenset(
        node.name for node in parse_module(ROOT / "tests" / file).body if isinstance(node, ast.FunctionDef)
    )


@pytest.mark.parametrize("sentence", PROVED)
def test_each_proof_is_a_test_that_is_there(sentence: str) -> None:
    proofs = [proof.partition("::") for proof in PROVED[sentence]]
    assert [f"{file}::{name}" for file, _, name in proofs if name not in there_in(file)] == []
