"""The table of all events that `record` accepts: their sentences, where they are shown, which open forms become stale.

The trail, the timeline of a question, the history of an edition and the messages about edit conflicts are derived from
it. A test compares it with the calls of `record`.
"""

from functools import cache
from typing import NamedTuple

from ..text.translation import N_


class EventKind(NamedTuple):
    """One kind of event.

    - `sentence` says what was done; `editor.event_sentences.describe_events` fills in its placeholders.
    - `places` says where it is shown besides the trail, separated by spaces: as a "step" (prominent) or a "line" in the
      timeline of its question, or in the history of its "edition".
    - `changes` names the nouns, as in `Event.noun`, whose open forms become stale, separated by spaces.
    - `here` replaces `sentence` on the page of the question or edition to which something was moved.
    """

    sentence: str
    places: str = ""
    changes: str = ""
    here: str = ""


EVENTS: dict[str, EventKind] = {
    "letter.send": EventKind(N_("A letter came in.")),
    "letter.release": EventKind(N_("%(who)s released the held letter."), changes="letter"),
    "letter.hold": EventKind(N_("%(who)s held the letter: many are like it."), changes="letter"),
    "letter.sweep": EventKind(N_("%(who)s filed the held letters that are like this one as spam."), changes="letter"),
    "letter.file": EventKind(
        N_("%(who)s filed the letter as: %(kind)s."), "line", "letter", N_("%(who)s filed a letter here.")
    ),
    "letter.join": EventKind(N_("One more reader wants to know it."), "line"),
    "letter.end": EventKind(N_("%(who)s ended the letter with a kind sentence."), "line", "letter"),
    "letter.reopen": EventKind(N_("%(who)s opened the letter again."), changes="letter"),
    "letter.undo": EventKind(N_("%(who)s undid what was done with the letter."), "line", "letter"),
    "letter.withdraw": EventKind(N_("A reader took their letter back, and its words were erased."), "step", "letter"),
    "letter.forget": EventKind(
        N_("The words of a letter were erased: its retention period has ended."), changes="letter"
    ),
    "letter.add": EventKind(N_("A reader added something to their letter."), "line", "letter"),
    "letter.ask": EventKind(N_("%(who)s left a note at a reader’s receipt."), "line", "letter"),
    "letter.unask": EventKind(N_("%(who)s took back the note at a reader’s receipt."), "line", "letter"),
    "letter.answer": EventKind(N_("A reader wrote back to the note at their receipt."), "line", "letter"),
    "letter.credit": EventKind(N_("A reader changed how they want to be named."), "line", "letter"),
    "letter.stop": EventKind(N_("A reader stopped our mails.")),
    "letter.translate": EventKind(N_("%(who)s had the newsroom’s own machine translate the letter."), "line"),
    "letter.reread": EventKind(N_("%(who)s re-read the letter from its original mail."), changes="letter"),
    "credit.verify": EventKind(N_("%(who)s noted that a reader’s name was checked."), "line"),
    "credit.unname": EventKind(N_("%(who)s left a reader unnamed."), "line"),
    "question.open": EventKind(N_("%(who)s made it a question."), "step"),
    "question.note": EventKind(N_("%(who)s wrote a note.")),
    "question.reword": EventKind(N_("%(who)s worded it."), "line", "question"),
    "question.clear": EventKind(
        N_("%(who)s confirmed that nobody can be recognised in the wording%(why)s."), "step", "question"
    ),
    "question.seek": EventKind(N_("%(who)s asked an expert."), changes="question"),
    "question.rest": EventKind(N_("No expert has it any more."), "line"),
    "question.answer": EventKind(N_("%(who)s approved an answer to it."), changes="question"),
    "question.unanswer": EventKind(N_("It has no approved answer any more.")),
    "question.pick": EventKind(N_("%(who)s picked it for an edition."), "step edition", "question edition"),
    "question.drop": EventKind(N_("%(who)s took it out of its edition."), "step edition", "question edition"),
    "question.move": EventKind(N_("%(who)s moved it within the edition."), "line edition", "edition"),
    "question.date": EventKind(N_("%(who)s set a date by which it must run."), "line", "question edition"),
    "question.carry": EventKind(
        N_("%(who)s carried it over to a later edition."),
        "step edition",
        "question edition",
        N_("%(who)s carried it over to this edition."),
    ),
    "question.carry_back": EventKind(
        N_("%(who)s put it back into the edition that it was picked for."), "step edition", "question edition"
    ),
    "question.publish": EventKind(N_("It ran."), "step", "question"),
    "question.import": EventKind(N_("%(who)s imported it from a back issue, as it ran."), "step"),
    "question.recall": EventKind(N_("%(who)s took the edition back: it hasn’t run."), "step"),
    "question.retract": EventKind(N_("%(who)s withdrew its page."), "step", "question"),
    "question.restore": EventKind(N_("%(who)s put its page back."), "step", "question"),
    "question.correct": EventKind(N_("%(who)s corrected what ran."), "step", "question"),
    "question.respell": EventKind(
        N_("%(who)s corrected spelling in what ran, and noted why readers need no note."), "step", "question"
    ),
    "question.mend": EventKind(N_("%(who)s fixed a typo in the published text."), "step", "question"),
    "question.protect": EventKind(N_("%(who)s reworded what ran, for somebody’s safety."), "step", "question"),
    "question.forget": EventKind(N_("The words of what was withdrawn were erased."), "step", "question"),
    "question.shelve": EventKind(N_("%(who)s put it on the shelf."), "step", "question"),
    "question.take": EventKind(N_("%(who)s took it from the shelf."), "step", "question"),
    "question.close": EventKind(N_("%(who)s closed it."), "step", "question"),
    "question.reopen": EventKind(N_("%(who)s opened it again."), "step", "question"),
    "question.merge": EventKind(
        N_("%(who)s merged it into another question."), "step", "question", N_("%(who)s merged it into this one.")
    ),
    "question.split": EventKind(N_("%(who)s took it out of the other question again."), "step", "question"),
    "question.keep": EventKind(
        N_("%(who)s kept the readers’ words until %(until)s; why is in a note."), "step", "question"
    ),
    "question.erase": EventKind(N_("%(who)s had the readers’ words erased."), "step", "question"),
    "question.undo": EventKind(N_("%(who)s undid the last step."), "step", "question"),
    "question.show": EventKind(N_("%(who)s made it public in the desk’s wording."), "line", "question"),
    "question.hide": EventKind(N_("%(who)s took it off the public page."), "line", "question"),
    "question.topics": EventKind(N_("%(who)s set the topics."), "line"),
    "assignment.draft": EventKind(N_("%(who)s prepared to ask %(expert)s."), "line"),
    "assignment.invite": EventKind(N_("%(who)s asked %(expert)s."), "step", "question"),
    "assignment.uninvite": EventKind(N_("%(who)s stopped the invitation to %(expert)s."), "step"),
    "assignment.unsent": EventKind(N_("The invitation to %(expert)s had not left yet, and was taken back."), "line"),
    "assignment.step back": EventKind(
        N_("%(expert)s is only next in line again: the expert asked before has it. The invitation hadn’t left."), "step"
    ),
    "assignment.accept": EventKind(N_("%(expert)s said yes."), "step", "question"),
    "assignment.decline": EventKind(N_("%(expert)s said no."), "step", "question"),
    "assignment.receive": EventKind(N_("The text of %(expert)s came in."), changes="question"),
    "assignment.take back": EventKind(N_("%(expert)s has the text back.")),
    "assignment.return": EventKind(N_("%(who)s gave the text back to %(expert)s."), "step"),
    "assignment.finish": EventKind(N_("What %(expert)s was asked for is done.")),
    "assignment.import": EventKind(N_("What %(expert)s wrote came with a back issue.")),
    "assignment.unfinish": EventKind(N_("What %(expert)s was asked for is open again.")),
    "assignment.cancel": EventKind(N_("%(who)s doesn’t ask %(expert)s any more."), "step"),
    "assignment.revive": EventKind(N_("The text of %(expert)s can be used again."), "step"),
    "assignment.undo": EventKind(N_("%(expert)s is back where they were."), "line"),
    "assignment.suggest": EventKind(N_("%(expert)s suggested a colleague."), "step"),
    "assignment.ask_back": EventKind(N_("%(expert)s asked something back."), "step"),
    "assignment.link": EventKind(N_("%(who)s sent %(expert)s a new link."), "line"),
    "assignment.ladder": EventKind(N_("%(who)s put %(expert)s next on the ladder."), "line"),
    "assignment.off_ladder": EventKind(N_("%(who)s took %(expert)s off the ladder."), "line"),
    "assignment.extend": EventKind(N_("%(who)s gave %(expert)s more time."), "line"),
    "assignment.brief": EventKind(N_("%(who)s changed the brief for %(expert)s."), "line"),
    "assignment.write": EventKind(N_("%(who)s wrote to %(expert)s.")),
    "answer.start": EventKind(N_("%(who)s began an answer.")),
    "answer.submit": EventKind(N_("%(who)s sent the text%(version)s."), "step"),
    "answer.take back": EventKind(N_("%(who)s took the text back."), "step"),
    "answer.return": EventKind(N_("The text is a draft again.")),
    "answer.edit": EventKind(N_("%(who)s edited the answer%(version)s."), "step"),
    "answer.introduce": EventKind(N_("%(who)s changed how %(expert)s is introduced in print."), "line", "answer"),
    "answer.check": EventKind(N_("%(who)s sent the text%(version)s for the quote check."), "step"),
    "answer.reply": EventKind(N_("The check has ended: %(outcome)s."), "step"),
    "answer.object": EventKind(N_("%(who)s said that something in the text%(version)s is wrong."), "step"),
    "answer.let stand": EventKind(N_("%(who)s answered the objection, and left the text as it is."), "step"),
    "answer.recall": EventKind(N_("%(who)s took the text back from the check."), "step"),
    "answer.approve": EventKind(N_("%(who)s approved the answer%(version)s."), "step"),
    "answer.import": EventKind(N_("%(who)s noted whose answer it is, from a back issue."), "line"),
    "answer.reopen": EventKind(N_("%(who)s took the approval back."), "step"),
    "answer.first": EventKind(N_("%(who)s put the answer of %(expert)s first."), "line", "edition"),
    "answer.withdraw": EventKind(N_("%(who)s withdrew the answer."), "step"),
    "answer.revive": EventKind(N_("The text can be worked on again.")),
    "answer.hold over": EventKind(
        N_("It ran without the text of %(expert)s, which is kept for a later edition."), "step"
    ),
    "answer.use": EventKind(N_("%(who)s took up the text of %(expert)s that was kept."), "step", "question"),
    "answer.undo": EventKind(N_("The answer is back where it was.")),
    "translation.start": EventKind(N_("%(who)s translated a text into %(language)s."), "line", "translation"),
    "translation.change": EventKind(N_("%(who)s changed a translation into %(language)s."), "line", "translation"),
    "translation.approve": EventKind(N_("%(who)s approved a translation into %(language)s."), "step", "translation"),
    "translation.reopen": EventKind(
        N_("%(who)s took back the approval of a translation into %(language)s."), "line", "translation"
    ),
    "translation.drop": EventKind(N_("%(who)s removed a translation into %(language)s."), "line", "translation"),
    "translator.invite": EventKind(
        N_("%(who)s asked somebody outside to translate a text into %(language)s."), "line", "translator"
    ),
    "translator.invite again": EventKind(
        N_("%(who)s sent a translator into %(language)s the words and a new link."), "line", "translator"
    ),
    "translator.hand in": EventKind(
        N_("A translator handed in a text in %(language)s."), "step", "translator translation"
    ),
    "translator.decline": EventKind(N_("A translator into %(language)s said no."), "line", "translator"),
    "translator.withdraw": EventKind(
        N_("The link of a translator into %(language)s was withdrawn."), "line", "translator"
    ),
    "translator.finish": EventKind(N_("What a translator into %(language)s was asked for is done.")),
    "edition.plan": EventKind(N_("%(who)s planned the edition."), "edition", "edition"),
    "edition.import": EventKind(N_("%(who)s imported the edition from a back issue."), "edition", "edition"),
    "edition.skip": EventKind(N_("%(who)s skipped the edition."), "edition", "edition"),
    "edition.unskip": EventKind(N_("%(who)s restored the edition that was skipped."), "edition", "edition"),
    "edition.move": EventKind(N_("%(who)s moved the edition to another date."), "edition", "edition"),
    "edition.move_back": EventKind(N_("%(who)s put the edition back on its date."), "edition", "edition"),
    "edition.slots": EventKind(N_("%(who)s changed the number of slots of the edition."), "edition", "edition"),
    "edition.arrange": EventKind(N_("%(who)s put the slots of the edition in another order."), "edition", "edition"),
    "edition.lock": EventKind(N_("%(who)s locked the edition."), "edition", "edition"),
    "edition.unlock": EventKind(N_("%(who)s unlocked the edition."), "edition", "edition"),
    "edition.send": EventKind(N_("%(who)s marked the edition as sent."), "edition", "edition"),
    "edition.recall": EventKind(N_("%(who)s took the edition back."), "edition", "edition"),
    "edition.arrive": EventKind(N_("The newsletter’s own mail came in as it ran."), "edition", "edition"),
    "edition.hand_over": EventKind(N_("%(who)s had a draft of the edition made in the sending tool."), "edition"),
    "edition.handed_over": EventKind(N_("The draft is in the sending tool."), "edition"),
    "edition.not_handed_over": EventKind(N_("No draft was made in the sending tool."), "edition"),
    "mail.rewrite": EventKind(N_("%(who)s changed the words of the mail."), "line", "outboxmail"),
    "mail.release": EventKind(N_("%(who)s released the held mail."), "line", "outboxmail"),
    "mail.discard": EventKind(N_("%(who)s stopped the mail."), "line", "outboxmail"),
    "mail.retry": EventKind(N_("%(who)s retried the mail."), "line", "outboxmail"),
    "mail.recall": EventKind(N_("The mail had become pointless and was stopped."), changes="outboxmail"),
    "mail.send": EventKind(N_("The mail went out."), changes="outboxmail"),
    "mail.fail": EventKind(N_("The mail couldn’t be delivered."), changes="outboxmail"),
    "mail.expire": EventKind(N_("The mail was too late and stayed here."), changes="outboxmail"),
    "mail.hold again": EventKind(N_("The mail waits to be sent to the new address."), changes="outboxmail"),
    "mail.bounce": EventKind(N_("The mail came back."), changes="outboxmail"),
    "mail.put back": EventKind(N_("The mail that was stopped is to go out after all."), changes="outboxmail"),
    "mail.forget": EventKind(N_("The mail was stopped because its reader’s address is erased."), changes="outboxmail"),
    "inbound.store": EventKind(N_("A mail came in.")),
    "inbound.place": EventKind(N_("The mail that came in was filed."), changes="inbound"),
    "inbound.take": EventKind(N_("%(who)s made the mail a letter."), changes="inbound"),
    "inbound.put back": EventKind(N_("%(who)s put the mail back: it wasn’t that expert’s letter."), changes="inbound"),
    "inbound.sort": EventKind(N_("%(who)s sorted out the mail."), changes="inbound"),
    "inbound.download": EventKind(N_("%(who)s downloaded a mail’s attachment.")),
    "inbound.read again": EventKind(N_("%(who)s had the mail read again."), changes="inbound"),
    "inbound.look": EventKind(N_("%(who)s looked at the address of the mail’s sender.")),
    "verdict.same": EventKind(N_("%(who)s said that two are the same.")),
    "verdict.not the same": EventKind(N_("%(who)s said that two aren’t the same.")),
    "verdict.take back": EventKind(N_("%(who)s took back that two are the same.")),
    "expert.record": EventKind(N_("%(who)s added %(expert)s to the directory.")),
    "expert.change": EventKind(N_("%(who)s changed the profile of %(expert)s.")),
    "expert.merge": EventKind(N_("%(who)s merged %(expert)s, who was in the directory twice.")),
    "expert.split": EventKind(N_("%(who)s took the merge of %(expert)s back.")),
    "expert.two_people": EventKind(N_("%(who)s noted that somebody who looks like %(expert)s is another person.")),
    "expert.look": EventKind(N_("%(who)s looked at the address of %(expert)s.")),
    "person.export": EventKind(N_("%(who)s exported the directory.")),
    "expert.address": EventKind(N_("%(who)s changed the address of %(expert)s."), changes="expert"),
    "expert.verify": EventKind(N_("%(who)s noted a check that %(expert)s is who they say.")),
    "expert.page": EventKind(N_("%(expert)s has a page for readers, as %(who)s said.")),
    "expert.no_page": EventKind(N_("%(expert)s has no page for readers any more, as %(who)s said.")),
    "expert.photo": EventKind(N_("%(who)s added a photo of %(expert)s, or changed its credit.")),
    "expert.no_photo": EventKind(N_("%(who)s removed the photo of %(expert)s.")),
    "expert.show_photo": EventKind(N_("%(expert)s lets readers see the photo.")),
    "expert.hide_photo": EventKind(N_("Readers no longer see the photo of %(expert)s.")),
    "expert.leave": EventKind(N_("%(who)s scheduled %(expert)s to be deleted in a week.")),
    "expert.stay": EventKind(N_("%(who)s kept %(expert)s after all.")),
    "expert.remove": EventKind(N_("%(expert)s removed themself from the directory.")),
    "expert.forget": EventKind(N_("What was known of %(expert)s was erased.")),
    "person.forget": EventKind(N_("Name and address of a colleague who left were erased.")),
    "newsletter.found": EventKind(N_("%(who)s made the newsletter.")),
    "newsletter.rename": EventKind(N_("%(who)s renamed the newsletter."), changes="newsletter"),
    "newsletter.pause": EventKind(N_("%(who)s paused the newsletter."), changes="newsletter"),
    "newsletter.resume": EventKind(N_("%(who)s resumed the newsletter."), changes="newsletter"),
    "newsletter.close": EventKind(N_("%(who)s closed the newsletter."), changes="newsletter"),
    "newsletter.undo": EventKind(N_("%(who)s undid the last step with the newsletter."), changes="newsletter"),
    "newsletter.import": EventKind(N_("%(who)s imported back issues.")),
    "newsletter.unimport": EventKind(N_("%(who)s undid an import of back issues.")),
    "newsletter.import_letters": EventKind(N_("%(who)s imported letters from a file%(numbers)s.")),
    "newsletter.look": EventKind(N_("%(who)s looked at the ask page.")),
    "newsletter.hide_steps": EventKind(N_("%(who)s hid the first steps.")),
    "newsletter.show_steps": EventKind(N_("%(who)s showed the first steps again.")),
    "newsletter.change": EventKind(N_("%(who)s changed the settings: %(columns)s.")),
    "newsletter.tool": EventKind(N_("%(who)s changed which tool sends the newsletter, or its key.")),
    "newsletter.try_tool": EventKind(N_("%(who)s tested the key of the sending tool.")),
    "newsletter.no_tool": EventKind(N_("%(who)s removed the sending tool and its key.")),
    "newsletter.export": EventKind(N_("%(who)s exported the newsletter without readers’ contacts.")),
    "newsletter.export_contacts": EventKind(N_("%(who)s exported the newsletter with readers’ addresses and names.")),
    "newsletter.export_letters": EventKind(N_("%(who)s exported a list of letters.")),
    "newsletter.export_questions": EventKind(N_("%(who)s exported a list of questions.")),
    "newsletter.arrive": EventKind(N_("%(who)s imported the newsletter from another installation.")),
    "topic.add": EventKind(N_("%(who)s added a topic.")),
    "newsletter.accept_trail": EventKind(
        N_("The operator of the server accepted a trail that lacks earlier events, as after an older backup.")
    ),
    "newsletter.word": EventKind(N_("%(who)s changed a house sentence.")),
    "token.create": EventKind(N_("%(who)s created a token for a program.")),
    "token.show": EventKind(N_("%(who)s saw the secret of a program’s token.")),
    "token.revoke": EventKind(N_("%(who)s revoked a program’s token.")),
    "program.add": EventKind(N_("%(who)s connected another program.")),
    "program.show": EventKind(N_("%(who)s saw the secret of another program.")),
    "program.renew": EventKind(N_("%(who)s made a new secret for another program.")),
    "program.pause": EventKind(N_("%(who)s paused another program’s events.")),
    "program.resume": EventKind(N_("%(who)s resumed another program’s events.")),
    "program.again": EventKind(N_("%(who)s sent another program an event again.")),
    "program.remove": EventKind(N_("%(who)s removed another program.")),
    "person.add": EventKind(N_("%(who)s added somebody’s name and address.")),
    "person.disable": EventKind(N_("%(person)s was shut out of the whole house.")),
    "person.enable": EventKind(N_("%(person)s was let back in.")),
    "membership.set": EventKind(N_("%(who)s gave %(person)s the role “%(role)s”."), changes="membership"),
    "membership.invite": EventKind(N_("%(who)s invited %(person)s as %(role)s."), changes="membership"),
    "membership.invite_again": EventKind(N_("%(who)s sent %(person)s the invitation again."), changes="membership"),
    "membership.withdraw": EventKind(N_("%(who)s withdrew the invitation of %(person)s."), changes="membership"),
    "membership.join": EventKind(N_("%(person)s joined the desk."), changes="membership"),
    "membership.remove": EventKind(N_("%(who)s removed %(person)s from the desk."), changes="membership"),
    "membership.deactivate": EventKind(N_("%(who)s deactivated %(person)s."), changes="membership"),
    "membership.reactivate": EventKind(N_("%(who)s reactivated %(person)s."), changes="membership"),
    "membership.disable": EventKind(N_("%(person)s was shut out of the whole house."), changes="membership"),
    "membership.reset_factors": EventKind(
        N_("The operator of the server removed the second factors of %(person)s, and created a link to sign in with.")
    ),
    "membership.enable": EventKind(N_("%(person)s was let back in."), changes="membership"),
    "membership.look": EventKind(N_("%(who)s looked at the address of %(person)s, to whom a mail went.")),
    "session.begin": EventKind(N_("%(person)s signed in.")),
    "session.prove": EventKind(N_("%(person)s confirmed again who they are.")),
    "session.end": EventKind(N_("%(who)s signed out another browser.")),
    "session.end_all": EventKind(N_("%(who)s signed %(person)s out everywhere.")),
    "factor.add": EventKind(N_("%(person)s has a second factor for signing in.")),
    "factor.rename": EventKind(N_("%(person)s renamed a second factor.")),
    "factor.remove": EventKind(N_("%(person)s removed a second factor.")),
    "factor.codes": EventKind(N_("%(person)s made new recovery codes.")),
    "factor.show": EventKind(N_("%(person)s showed their second factor.")),
    "identity.bind": EventKind(N_("%(person)s can sign in with an account of the newsroom’s provider.")),
    "identity.refuse": EventKind(N_("Another account of the newsroom’s provider tried to sign in as %(person)s.")),
    "identity.release": EventKind(N_("%(who)s unlinked the account of %(person)s at the newsroom’s provider.")),
    "factor.reset": EventKind(N_("%(who)s removed the second factors of %(person)s, who has lost them.")),
    "sign_in.ask": EventKind(N_("%(person)s asked for a sign-in mail.")),
    "sign_in.invite": EventKind(N_("%(person)s was given a sign-in link.")),
}
# Nothing records these any more. Trails of earlier versions have them.
FORMER_EVENTS = {"assignment.report": EventKind(N_("%(expert)s reported an error in what ran."), "step")}
EVENTS |= FORMER_EVENTS


@cache
def list_actions_shown_in(*places: str) -> tuple[str, ...]:
    """Return the actions that are shown in any of these places."""
    return tuple(name for name, kind in EVENTS.items() if {*places} & {*kind.places.split()})


@cache
def list_actions_changing(object_type: str) -> tuple[str, ...]:
    """Return the actions that make an open form of this noun stale."""
    return tuple(name for name, kind in EVENTS.items() if object_type in kind.changes.split())
