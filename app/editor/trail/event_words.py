"""What was done, in sentences: one table for a question's own story and for the trail of the whole newsletter.

A test reads the code: whatever it can record has its row here.
"""

from typing import NamedTuple

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString


class Told(NamedTuple):
    """A sentence, and where it is told: as a step of the question's story, as a line of it, or only in the whole trail."""

    sentence: LazyString
    where: str


def step(sentence: LazyString) -> Told:
    return Told(sentence, "step")


def line(sentence: LazyString) -> Told:
    return Told(sentence, "line")


def trail_only(sentence: LazyString) -> Told:
    """The question's page tells it in another way: as a note, as a mail, or by the move that this one follows."""
    return Told(sentence, "trail")


MERGED_HERE = _l("%(who)s merged it into this one.")  # on the page of the question that leads
SENTENCES: dict[str, Told] = {
    "letter.send": trail_only(_l("A letter came in.")),
    "letter.release": trail_only(_l("%(who)s released a letter that was held.")),
    "letter.file": line(_l("%(who)s filed a letter here.")),
    "letter.join": line(_l("One more reader wants to know it.")),
    "letter.end": line(_l("%(who)s ended a letter with a kind sentence.")),
    "letter.reopen": trail_only(_l("%(who)s opened a letter again.")),
    "letter.undo": line(_l("%(who)s undid what was done with a letter.")),
    "letter.withdraw": step(_l("A reader took their letter back. Its words are erased.")),
    "letter.add": line(_l("A reader added something to their letter.")),
    "letter.credit": line(_l("A reader changed how they want to be named.")),
    "letter.stop": trail_only(_l("A reader stopped our mails.")),
    "letter.reread": trail_only(_l("%(who)s read a letter again from the mail that it came in.")),
    "credit.verify": line(_l("%(who)s noted that a reader’s name was checked.")),
    "credit.unname": line(_l("%(who)s left a reader unnamed.")),
    "question.open": step(_l("%(who)s made it a question.")),
    "question.note": trail_only(_l("%(who)s wrote a note.")),
    "question.reword": line(_l("%(who)s worded it.")),
    "question.clear": step(_l("%(who)s confirmed that nobody can be recognised in the wording.")),
    "question.seek": trail_only(_l("An expert has it.")),
    "question.rest": line(_l("No expert has it any more.")),
    "question.answer": trail_only(_l("It has an approved answer.")),
    "question.unanswer": trail_only(_l("It has no approved answer any more.")),
    "question.pick": step(_l("%(who)s picked it for an edition.")),
    "question.drop": step(_l("%(who)s took it out of its edition.")),
    "question.move": line(_l("%(who)s moved it within the edition.")),
    "question.date": line(_l("%(who)s set by when it must run.")),
    "question.carry": step(_l("%(who)s carried it over to a later edition.")),
    "question.carry_back": step(_l("%(who)s put it back into the edition that it was picked for.")),
    "question.publish": step(_l("It ran.")),
    "question.recall": step(_l("%(who)s took the edition back: it hasn’t run.")),
    "question.retract": step(_l("%(who)s withdrew its page.")),
    "question.restore": step(_l("%(who)s put its page back.")),
    "question.shelve": step(_l("%(who)s put it on the shelf.")),
    "question.take": step(_l("%(who)s took it from the shelf.")),
    "question.close": step(_l("%(who)s closed it.")),
    "question.reopen": step(_l("%(who)s opened it again.")),
    "question.merge": step(_l("%(who)s merged it into another question.")),
    "question.split": step(_l("%(who)s took it out of the other question again.")),
    "question.undo": step(_l("%(who)s undid the last step.")),
    "question.show": line(_l("%(who)s made it public in the desk’s wording.")),
    "question.hide": line(_l("%(who)s took it off the public page.")),
    "question.topics": line(_l("%(who)s set the topics.")),
    "assignment.draft": line(_l("%(who)s prepared to ask %(expert)s.")),
    "assignment.invite": step(_l("%(who)s asked %(expert)s.")),
    "assignment.uninvite": step(_l("%(who)s stopped the invitation to %(expert)s.")),
    "assignment.unsent": line(_l("The invitation to %(expert)s had not left yet, and was taken back.")),
    "assignment.step back": step(
        _l("%(expert)s is only next again: who was asked before has it. The invitation hadn’t left.")
    ),
    "assignment.accept": step(_l("%(expert)s said yes.")),
    "assignment.decline": step(_l("%(expert)s said no.")),
    "assignment.receive": trail_only(_l("The text of %(expert)s is here.")),
    "assignment.take back": trail_only(_l("%(expert)s has the text back.")),
    "assignment.return": step(_l("%(who)s gave the text back to %(expert)s.")),
    "assignment.finish": trail_only(_l("What %(expert)s was asked for is done.")),
    "assignment.unfinish": trail_only(_l("What %(expert)s was asked for is open again.")),
    "assignment.cancel": step(_l("%(who)s doesn’t ask %(expert)s any more.")),
    "assignment.revive": step(_l("The text of %(expert)s can be used again.")),
    "assignment.undo": line(_l("%(expert)s stands where they stood before.")),
    "assignment.suggest": step(_l("%(expert)s suggested a colleague.")),
    "assignment.ask_back": step(_l("%(expert)s asked something back.")),
    "assignment.link": line(_l("%(who)s sent %(expert)s a new link.")),
    "assignment.ladder": line(_l("%(who)s put %(expert)s next on the ladder.")),
    "assignment.off_ladder": line(_l("%(who)s took %(expert)s off the ladder.")),
    "assignment.extend": line(_l("%(who)s gave %(expert)s more time.")),
    "assignment.report": step(_l("%(expert)s reported an error in what ran.")),
    "assignment.brief": line(_l("%(who)s changed the brief for %(expert)s.")),
    "assignment.write": trail_only(_l("%(who)s wrote to %(expert)s.")),
    "answer.start": trail_only(_l("%(who)s began an answer.")),
    "answer.submit": step(_l("%(who)s sent the text%(version)s.")),
    "answer.take back": step(_l("%(who)s took the text back.")),
    "answer.return": trail_only(_l("The text is a draft again.")),
    "answer.edit": step(_l("%(who)s edited the answer%(version)s.")),
    "answer.check": step(_l("%(who)s sent the text%(version)s for the quote check.")),
    "answer.reply": step(_l("The check has come to its end: %(outcome)s.")),
    "answer.recall": step(_l("%(who)s took the text back from the check.")),
    "answer.approve": step(_l("%(who)s approved the answer%(version)s.")),
    "answer.reopen": step(_l("%(who)s took the approval back.")),
    "answer.first": line(_l("%(who)s put the answer of %(expert)s first.")),
    "answer.withdraw": step(_l("%(who)s withdrew the answer.")),
    "answer.revive": trail_only(_l("The text is one to work on again.")),
    "answer.undo": trail_only(_l("The answer stands where it stood before.")),
    "edition.plan": trail_only(_l("%(who)s planned an edition.")),
    "edition.skip": trail_only(_l("%(who)s left an edition out.")),
    "edition.unskip": trail_only(_l("%(who)s put an edition back that was left out.")),
    "edition.slots": trail_only(_l("%(who)s changed the number of slots of an edition.")),
    "edition.arrange": trail_only(_l("%(who)s put the slots of an edition in another order.")),
    "edition.lock": trail_only(_l("%(who)s locked the edition.")),
    "edition.unlock": trail_only(_l("%(who)s unlocked the edition.")),
    "edition.send": trail_only(_l("%(who)s marked the edition as sent.")),
    "edition.recall": trail_only(_l("%(who)s took the edition back.")),
    "edition.arrive": trail_only(_l("The newsletter’s own mail came in as it ran.")),
    "mail.rewrite": line(_l("%(who)s changed a mail that was held.")),
    "mail.release": line(_l("%(who)s let a held mail go.")),
    "mail.discard": line(_l("%(who)s stopped a mail.")),
    "mail.retry": line(_l("%(who)s had a mail tried again.")),
    "mail.recall": trail_only(_l("A mail that had become pointless was stopped.")),
    "mail.send": trail_only(_l("A mail went out.")),
    "mail.fail": trail_only(_l("A mail couldn’t be delivered.")),
    "mail.expire": trail_only(_l("A mail was too late and stayed here.")),
    "mail.bounce": trail_only(_l("A mail came back.")),
    "mail.put back": trail_only(_l("A mail that was stopped is to go out after all.")),
    "mail.forget": trail_only(_l("A mail was stopped because its reader’s address is erased.")),
    "inbound.store": trail_only(_l("A mail came in.")),
    "inbound.place": trail_only(_l("A mail that came in found its place.")),
    "inbound.take": trail_only(_l("%(who)s made a mail a letter.")),
    "inbound.put back": trail_only(_l("%(who)s put a mail back that was no letter of that expert.")),
    "inbound.sort": trail_only(_l("%(who)s sorted out a mail.")),
    "inbound.read again": trail_only(_l("%(who)s had a mail read again.")),
    "verdict.same": trail_only(_l("%(who)s said that two are the same.")),
    "verdict.not the same": trail_only(_l("%(who)s said that two aren’t the same.")),
    "verdict.take back": trail_only(_l("%(who)s took back that two are the same.")),
    "expert.record": trail_only(_l("%(who)s put %(expert)s in the directory.")),
    "expert.change": trail_only(_l("%(who)s changed the profile of %(expert)s.")),
    "expert.merge": trail_only(_l("%(who)s merged %(expert)s, who was in the directory twice.")),
    "expert.split": trail_only(_l("%(who)s took the merge of %(expert)s back.")),
    "expert.two_people": trail_only(_l("%(who)s noted that somebody who looks like %(expert)s is another person.")),
    "person.export": trail_only(_l("%(who)s took the directory away as a file.")),
    "expert.verify": trail_only(_l("%(who)s noted a check that %(expert)s is who they say.")),
    "newsletter.change": trail_only(_l("%(who)s changed the settings: %(columns)s.")),
    "topic.add": trail_only(_l("%(who)s added a topic.")),
    "newsletter.word": trail_only(_l("%(who)s worded a text of the house.")),
    "person.add": trail_only(_l("%(who)s put down somebody’s name and address.")),
    "person.disable": trail_only(_l("%(person)s was shut out of the whole house.")),
    "person.enable": trail_only(_l("%(person)s was let back into the house.")),
    "membership.set": trail_only(_l("%(who)s gave %(person)s the role “%(role)s”.")),
    "membership.invite": trail_only(_l("%(who)s invited %(person)s as %(role)s.")),
    "membership.invite_again": trail_only(_l("%(who)s sent %(person)s the invitation again.")),
    "membership.withdraw": trail_only(_l("%(who)s withdrew the invitation of %(person)s.")),
    "membership.join": trail_only(_l("%(person)s came to the desk.")),
    "membership.remove": trail_only(_l("%(who)s took %(person)s from the desk.")),
    "membership.deactivate": trail_only(_l("%(who)s deactivated %(person)s.")),
    "membership.reactivate": trail_only(_l("%(who)s let %(person)s come back.")),
    "membership.disable": trail_only(_l("%(person)s was shut out of the whole house.")),
    "membership.enable": trail_only(_l("%(person)s was let back into the house.")),
    "session.begin": trail_only(_l("%(person)s signed in.")),
    "session.prove": trail_only(_l("%(person)s showed once more that it is them.")),
    "session.end": trail_only(_l("%(who)s signed out another browser.")),
    "session.end_all": trail_only(_l("%(who)s signed %(person)s out everywhere.")),
    "sign_in.ask": trail_only(_l("%(person)s asked for a way in.")),
    "sign_in.invite": trail_only(_l("%(person)s was given a way in.")),
}
OUTCOMES = {
    "fine": _l("it is right"), "approved": _l("it is approved"), "silent": _l("silence, so it runs"),
    "wrong": _l("something is wrong"),
}  # fmt: skip
HANDS = {
    "reader": _l("A reader"),
    "clock": _l("The calendar"),
    "mailroom": _l("The mailroom"),
}
