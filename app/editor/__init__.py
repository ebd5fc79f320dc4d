"""The desk: this edition, letters, questions, experts, outbox, settings. For staff, by newsletter."""

import app.editor.answers.answer
import app.editor.answers.ask
import app.editor.answers.assignment
import app.editor.answers.brief
import app.editor.answers.by_hand
import app.editor.answers.ladder_words
import app.editor.answers.write_to
import app.editor.editions.calendar
import app.editor.editions.edition
import app.editor.experts.directory
import app.editor.experts.duplicates
import app.editor.experts.files
import app.editor.letters.at_once
import app.editor.letters.by_hand
import app.editor.letters.joining
import app.editor.letters.pages
import app.editor.mail.at_once
import app.editor.mail.edit
import app.editor.mail.outbox
import app.editor.mail.pen
import app.editor.overview.home
import app.editor.overview.insights
import app.editor.questions.at_once
import app.editor.questions.deeds
import app.editor.questions.joining
import app.editor.questions.listed
import app.editor.questions.must_run
import app.editor.questions.originals
import app.editor.questions.page
import app.editor.questions.resting
import app.editor.questions.wording
import app.editor.settings.mail_texts
import app.editor.settings.newsletter
import app.editor.settings.people
import app.editor.settings.sentences
import app.editor.trail.page
import app.editor.undo  # noqa: F401 -- each of these has pages

from .frame import editor

__all__ = ["editor"]
