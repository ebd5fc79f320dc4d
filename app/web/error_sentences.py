"""All error codes: the message of each, and the HTTP status of each family, which is the part of a code before the dot.

Codes are part of the API, and programs may rely on them. Add a row for a new error, and never change the meaning of a
code. Some pages replace the message of a code by a message that tells their visitors more.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask_babel import lazy_gettext as _l

from ..core.domain_errors import DomainError, MissingPrecondition, TooLong
from ..core.fields import ERROR_MESSAGES

# The statuses of API responses, by family. Pages have other rules (`errors.py`).
STATUSES = {
    "permission": HTTPStatus.NOT_FOUND,  # not 403, which would reveal that it exists
    "sign_in": HTTPStatus.FORBIDDEN,
    "transition": HTTPStatus.CONFLICT,
    "precondition": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "merge": HTTPStatus.CONFLICT,
    "version": HTTPStatus.PRECONDITION_FAILED,
    "required": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "field": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_long": HTTPStatus.UNPROCESSABLE_ENTITY,
    "leak": HTTPStatus.UNPROCESSABLE_ENTITY,
    "import": HTTPStatus.UNPROCESSABLE_ENTITY,
    "limit": HTTPStatus.TOO_MANY_REQUESTS,
}

NOT_NOW = _l("That isn’t possible in its current state.")
SAY_WHY = _l("Say in a few words why.")
DAY_AHEAD = _l("Give a day that is still to come.")
DESTROYED = _l("The mail itself has been destroyed. What became of it stays.")
UNFIT = _l("The page was too old, or what was sent doesn’t fit together.")
TOO_LONG = _l("This is too long: the limit is %(most)d characters.")

SENTENCES: dict[str, Any] = {
    "permission.denied": _l("There is no such page, or it isn’t yours to see."),
    "transition.invalid": NOT_NOW,
    "transition.too_soon": _l(
        "Nothing more was done: this button came where you had just pressed another. If you mean it, press it now."
    ),
    "version.conflict": _l(
        "Somebody else changed it while you had it open. Their change was kept, and nothing was overwritten."
    ),
    "sign_in.proof_expired": _l("First confirm that it is you: the last time was too long ago."),
    "sign_in.proof_failed": _l(
        "That code is wrong. A code from an app works once, and for a minute; a recovery code works once."
    ),
    "limit.asked_back": _l(
        "You have asked as often as the desk can answer in a day. Send this one tomorrow, or reply to our mail."
    ),
    # Wordings and letters
    "precondition.text_not_cleared": _l("First confirm that nobody could recognise the asker in the wording."),
    "precondition.text_erased": _l("Its words are erased for good: it can’t be put back."),
    "precondition.text_not_erased": NOT_NOW,
    "precondition.letter_erased": NOT_NOW,
    "precondition.no_announced_letters": _l("There are no words of readers to decide about any more."),
    "precondition.no_text": _l("There is no text yet."),
    "precondition.no_form": NOT_NOW,
    "precondition.no_name_to_verify": _l("There is no name to check."),
    "precondition.question_not_shown": _l("The desk has taken this question off the page in the meantime."),
    "precondition.newsletter_takes_no_questions": _l("This newsletter takes no questions at the moment."),
    # Answers and translations
    "precondition.checklist_incomplete": _l("The checklist isn’t complete."),
    "precondition.expert_not_verified": _l("The expert isn’t verified yet: note an independent check first."),
    "precondition.text_not_checked": _l(
        "The expert has not passed this text. Send it for the check, or note a reason."
    ),
    "precondition.no_text_or_credit": _l("There is no text or no credit line yet."),
    "precondition.no_email_address": _l("We have no address of theirs, so no mail goes out."),
    "precondition.expert_works_at_desk": _l(
        "They also work at a desk and sign in there with this address: it can’t be changed here."
    ),
    "precondition.expert_has_no_page": _l("A name is missing."),
    "precondition.expert_described": _l("An expert who is described, not named, has no photo beside the answers."),
    "conflict.expert_removed": _l(
        "They were removed from the directory of experts, and work at a desk here. They can’t be added again."
    ),
    "precondition.expert_erased": NOT_NOW,
    "precondition.photo_missing": _l("Choose a picture."),
    "precondition.not_compared": _l("Read it against the original, and tick that you did."),
    "precondition.original_not_approved": _l("The original isn’t approved yet: that comes first."),
    "precondition.original_changed": _l("The original has changed since: bring the translation up to date."),
    "precondition.untranslated": _l("Words of the original are left in it. Translate these first:"),
    "precondition.translation_not_checked": _l(
        "The expert reads this language and hasn’t said yes to it. Write down why it runs all the same."
    ),
    # Editions
    "precondition.no_question_picked": _l("Nothing is picked for this edition yet."),
    "precondition.no_free_slot": _l("Every slot is filled. Add one, or take something out."),
    "precondition.no_approved_answer": _l("There is no approved answer yet."),
    "precondition.no_later_edition": _l("No later edition has a free slot."),
    "precondition.no_sending_tool": _l("First say which tool sends this newsletter, in the settings."),
    "precondition.name_without_consent": _l(
        "A reader’s name would run without consent. Run it unnamed, or ask for consent."
    ),
    "precondition.name_not_verified": _l("A reader’s name isn’t verified. Note how it was checked, or run it unnamed."),
    "precondition.mails_already_sent": _l("Its mails have gone out: it can’t be recalled any more."),
    "precondition.edition_not_ahead": NOT_NOW,
    "precondition.import_undone": _l("This import was undone already."),
    # Mails, programs, undo
    "precondition.mail_destroyed": DESTROYED,
    "precondition.mail_contents_deleted": DESTROYED,
    "precondition.too_many_programs": _l("There are so many already: remove one first."),
    "precondition.too_many_tokens": _l("There are so many already: revoke one first."),
    "precondition.token_of_colleague": _l("It is a colleague’s token: only they can see its secret."),
    "precondition.undo_expired": _l("The minute is over: it can’t be undone any more."),
    # Columns that a move must fill. All existing actions do, so only the author of a new one can see these.
    "precondition.approved_by_missing": NOT_NOW,
    "precondition.closed_reason_missing": NOT_NOW,
    "precondition.dates_missing": NOT_NOW,
    "precondition.decline_reason_missing": NOT_NOW,
    "precondition.due_at_missing": NOT_NOW,
    "precondition.end_reason_missing": NOT_NOW,
    "precondition.held_reason_missing": NOT_NOW,
    "precondition.kind_missing": NOT_NOW,
    "precondition.letter_missing": NOT_NOW,
    "precondition.locked_at_missing": NOT_NOW,
    "precondition.merged_into_missing": NOT_NOW,
    "precondition.placed_at_missing": NOT_NOW,
    "precondition.published_at_missing": NOT_NOW,
    "precondition.received_at_missing": NOT_NOW,
    "precondition.rule_date_missing": NOT_NOW,
    "precondition.said_and_bounced_at_missing": NOT_NOW,
    "precondition.said_missing": NOT_NOW,
    "precondition.sent_at_missing": NOT_NOW,
    "precondition.slot_missing": NOT_NOW,
    # Conflicts with other rows
    "conflict.expert_has_open_work": _l("A desk still waits for an answer of theirs, or has one that is to run."),
    "conflict.last_admin": _l("Nobody else could manage the desk then. Give somebody else the role of an admin first."),
    "conflict.address_dead": _l("Mail to this expert comes back. Give them another address, or send it all the same."),
    "conflict.address_taken": _l("Somebody else has this address already."),
    "conflict.mail_being_sent": _l("The mail is being handed over at this moment. Look again in a minute."),
    "conflict.mail_sent": _l("The mail has gone out: it can’t be stopped any more."),
    "conflict.person_is_at_the_desk": _l("This address is of this desk already."),
    "conflict.person_is_expert": _l("This is an expert’s address. At the desk they can read what readers wrote."),
    "conflict.question_asked_twice": _l("Both have the same question now. Take it back from one of them, then merge."),
    "conflict.question_in_edition": _l("The question is picked for an edition, or ran in one."),
    "merge.itself": _l("A question can’t be merged into itself."),
    "merge.elsewhere": _l("There is no such question in this newsletter."),
    "merge.into_merged": _l("The other question was merged itself: choose the one that it is in now."),
    "merge.into_closed": _l("The other question is closed."),
    "merge.into_ran": _l("The other question has run: who asks it now is answered with it."),
    "merge.into_this_state": NOT_NOW,
    "merge.assigned": _l("An expert is asked about it: merge the other question into this one instead."),
    "merge.answered": _l("It has an answer: merge the other question into this one instead."),
    "merge.picked": _l("The question is picked for an edition."),
    "merge.ran": _l("The question has run."),
    "merge.closed": _l("The question is closed: open it again first."),
    "merge.merged": _l("The question is merged already."),
    "merge.in_this_state": NOT_NOW,
    # Fields that are empty
    "required.acts": _l("Choose what the program may read."),
    "required.address": _l("Say where events go."),
    "required.answer": _l("No answer may be empty. To take it down whole, withdraw its page."),
    "required.assignment": _l("Say what it is an answer to."),
    "required.colleague": _l("Say who it is."),
    "required.consent_note": _l("Say how and when they said yes."),
    "required.edition": _l("Choose the edition that it is for."),
    "required.headline": _l("It needs a headline."),
    "required.name": _l("A name is missing."),
    "required.note": SAY_WHY,
    "required.own_words_reason": _l("It is still in a reader’s own words. Reword it, or write why not."),
    "required.place": _l("A place is missing."),
    "required.photographer": _l("Say who took the picture."),
    "required.reason": SAY_WHY,
    "required.reply": _l("Say what is wrong, so that it can be put right."),
    "required.right": _l("Say in a sentence what is right."),
    "required.sentence": _l("An expert has been asked: write them a sentence."),
    "required.subject": _l("The mail needs a subject."),
    "required.terms": _l("Say by what right it is printed."),
    "required.text": _l("There is no text yet."),
    "required.translation": _l("The translation needs words."),
    "required.verification_note": _l("Say how it was checked."),
    "required.withdrawal_reason": SAY_WHY,
    "required.wording": _l("The question needs a wording."),
    "required.why": _l("Letters change: say why readers need no note."),
    "required.wrong": _l("Say in a sentence what was wrong."),
    # Fields that are invalid
    "invalid.act_unknown": UNFIT,
    "invalid.date_not_in_future": DAY_AHEAD,
    "invalid.date_taken": _l("There is another edition on that day."),
    "invalid.date_too_far_ahead": _l("Give a day within the next half year: editions are planned no further."),
    "invalid.due_at_after_edition": _l("By then the text can’t be checked before the cut-off of its edition."),
    "invalid.due_at_not_in_future": _l("The date must be in the future."),
    "invalid.email": _l("This isn’t a valid e-mail address."),
    "invalid.invitation": UNFIT,
    "invalid.kind_unknown": _l("Choose what it is."),
    "invalid.later_on_not_in_future": DAY_AHEAD,
    "invalid.letter": UNFIT,
    "invalid.lifetime_unknown": _l("Choose how long it is valid."),
    "invalid.link_changed": _l(
        "Each place for a link must be in the text, just as it was: {link}. Put it back where it belongs."
    ),
    "invalid.mail_dates_over": _l(
        "It has waited too long: the dates in it are past, or leave too little time. Discard it, and ask again."
    ),
    "invalid.more_than_a_typo": _l(
        "More than a typo changes, so readers are told: write what was wrong and what is right."
    ),
    "invalid.note_with_typo_fix": _l("There is a note above: untick the box, or delete the note."),
    "invalid.pair_not_comparable": NOT_NOW,
    "invalid.photo_licence_missing": _l("Choose by what right it is printed."),
    "invalid.reason_unknown": SAY_WHY,
    "invalid.reply_by_after_due_at": _l("The text is due before that: give an earlier time."),
    "invalid.role_unknown": _l("Choose a role."),
    "invalid.settings": UNFIT,
    "invalid.slot_count_out_of_range": _l("That number of slots doesn’t fit what is picked."),
    "invalid.text_unchanged": _l("Nothing is changed yet. Correct the text below."),
    "invalid.word_count_out_of_range": _l("Give a number of words from 20 to 2,000."),
    "import.date_ahead": _l("This day is still to come. What hasn’t run can’t be imported."),
    "import.date_taken": _l("An edition of this desk has this day already, and stays as it was sent."),
    "import.no_date": _l("Say the day on which this edition ran."),
    "import.no_text": _l("Write both a question and an answer."),
    # What must not leave the newsroom
    "leak.contact_details": _l(
        "Somebody could be reached by something in it. That never leaves the house: take it out."
    ),
    "leak.private_details": _l(
        "It has something that a reader told only the desk. Take it out, or tick that it may be known."
    ),
    "leak.reader_words": _l("It has readers’ own words or names. Look at them, then send it if they may be known."),
    "too_long.address": TOO_LONG,
    "too_long.answer": TOO_LONG,
    "too_long.body": TOO_LONG,
    "too_long.consent_note": TOO_LONG,
    "too_long.credit_line": TOO_LONG,
    "too_long.headline": TOO_LONG,
    "too_long.name": TOO_LONG,
    "too_long.note": TOO_LONG,
    "too_long.own_words_reason": TOO_LONG,
    "too_long.reason": TOO_LONG,
    "too_long.photographer": TOO_LONG,
    "too_long.relation": TOO_LONG,
    "too_long.reply": TOO_LONG,
    "too_long.right": TOO_LONG,
    "too_long.terms": TOO_LONG,
    "too_long.text": TOO_LONG,
    "too_long.ties": TOO_LONG,
    "too_long.topic": TOO_LONG,
    "too_long.translator": TOO_LONG,
    "too_long.verification_note": TOO_LONG,
    "too_long.why": TOO_LONG,
    "too_long.wrong": TOO_LONG,
    # The keys of `FieldError`, for forms with several fields, such as settings.
    **{f"field.{key}": _l(sentence) for key, sentence in ERROR_MESSAGES.items()},
}


def get_status(code: str) -> HTTPStatus:
    """Return the HTTP status of a code, by its family."""
    return STATUSES[code.partition(".")[0]]


def format_error(error: DomainError) -> str:
    """Return the message of an error, translated, with its values filled in."""
    if error.code == "invalid.email":
        return format_bad_address(str(error))
    sentence = str(SENTENCES[error.code])
    if isinstance(error, MissingPrecondition) and error.code == "precondition.untranslated":
        return f"{sentence} {format_passages(error.passages)}"
    return sentence % {"most": error.max_length} if isinstance(error, TooLong) else sentence


def format_bad_address(text: str) -> str:
    """Return the message that `text`, typed into a form, is not an e-mail address; it may be empty."""
    return str(SENTENCES["field.address"]) % {"value": text} if text.strip() else str(SENTENCES["invalid.email"])


def format_passages(passages: Iterable[str]) -> str:
    """Return passages of a text in quotation marks, in one line."""
    return ", ".join(f"“\u2068{passage}\u2069”" for passage in passages)
