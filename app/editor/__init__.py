"""The desk: this edition, letters, questions, experts, outbox, settings. For staff, by newsletter."""

import app.editor.answers.answer_by_hand
import app.editor.answers.answer_page
import app.editor.answers.ask_experts
import app.editor.answers.brief
import app.editor.answers.invitation_page
import app.editor.answers.ladder_words
import app.editor.answers.rank_words
import app.editor.editions.calendar_page
import app.editor.editions.edition_page
import app.editor.experts.directory_page
import app.editor.experts.duplicates_page
import app.editor.experts.file_pages
import app.editor.letters.letter_by_hand
import app.editor.letters.letter_merge
import app.editor.letters.letter_pages
import app.editor.letters.letters_bulk
import app.editor.mail.edit_mail
import app.editor.mail.mails_bulk
import app.editor.mail.outbox_page
import app.editor.mail.pen
import app.editor.overview.insights_page
import app.editor.overview.overview_page
import app.editor.questions.originals
import app.editor.questions.question_actions
import app.editor.questions.question_list
import app.editor.questions.question_look_alike_presses
import app.editor.questions.question_page
import app.editor.questions.questions_bulk
import app.editor.questions.shelf_and_archive
import app.editor.questions.wording_page
import app.editor.settings.mail_texts_page
import app.editor.settings.newsletter_page
import app.editor.settings.people
import app.editor.settings.sentences
import app.editor.trail.trail_page
import app.editor.undo_press  # noqa: F401 -- each of these has pages

from .frame import editor

__all__ = ["editor"]
