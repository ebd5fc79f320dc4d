"""All kinds of events, each once: its sentence, where it is told, and whose open page it makes old.

`record` takes no other. The trail, the story of a question, the history of an edition, and what somebody hears who
comes second of two are derived from this table; a test reads the code for what it records.
"""

from functools import cache
from typing import NamedTuple

from ..mail.translation import N_


class Kind(NamedTuple):
    """One kind of event.

    `sentence` says in the past tense what was done; its holes are the keys of `values` in
    `editor.trail.event_sentences`. `told` names the places besides the whole trail: "step" or "line" of its question's
    story, "edition" for the history of its edition. A question's page tells what is neither step nor line in another
    way: as a note, as a mail, or by the move that this one follows.
    `changes` names the nouns, as the trail calls them, whose open page it makes old.
    `here` is the sentence on the page to which it led, where that is another one.
    """

    sentence: str
    told: str = ""
    changes: str = ""
    here: str = ""


EVENTS: dict[str, Kind] = {
    "letter.send": Kind(N_("A letter came in.")),
    "letter.release": Kind(N_("%(who)s let the letter out of the held ones."), changes="letter"),
    "letter.sweep": Kind(N_("%(who)s filed the held letters that are like this one as spam."), changes="letter"),
    "letter.file": Kind(
        N_("%(who)s filed the letter as: %(kind)s."), "line", "letter", N_("%(who)s filed a letter here.")
    ),
    "letter.join": Kind(N_("One more reader wants to know it."), "line"),
    "letter.end": Kind(N_("%(who)s ended the letter with a kind sentence."), "line", "letter"),
    "letter.reopen": Kind(N_("%(who)s opened the letter again."), changes="letter"),
    "letter.undo": Kind(N_("%(who)s undid what was done with the letter."), "line", "letter"),
    "letter.withdraw": Kind(N_("A reader took their letter back, and its words were erased."), "step", "letter"),
    "letter.forget": Kind(N_("The words of a letter were erased: they had had their time."), changes="letter"),
    "letter.add": Kind(N_("A reader added something to their letter."), "line", "letter"),
    "letter.ask": Kind(N_("%(who)s left a note at a reader’s receipt."), "line", "letter"),
    "letter.unask": Kind(N_("%(who)s took back the note at a reader’s receipt."), "line", "letter"),
    "letter.answer": Kind(N_("A reader wrote back to the note at their receipt."), "line", "letter"),
    "letter.credit": Kind(N_("A reader changed how they want to be named."), "line", "letter"),
    "letter.stop": Kind(N_("A reader stopped our mails.")),
    "letter.reread": Kind(N_("%(who)s read the letter again from the mail that it came in."), changes="letter"),
    "credit.verify": Kind(N_("%(who)s noted that a reader’s name was checked."), "line"),
    "credit.unname": Kind(N_("%(who)s left a reader unnamed."), "line"),
    "question.open": Kind(N_("%(who)s made it a question."), "step"),
    "question.note": Kind(N_("%(who)s wrote a note.")),
    "question.reword": Kind(N_("%(who)s worded it."), "line", "question"),
    "question.clear": Kind(
        N_("%(who)s confirmed that nobody can be recognised in the wording%(why)s."), "step", "question"
    ),
    "question.seek": Kind(N_("%(who)s asked an expert."), changes="question"),
    "question.rest": Kind(N_("No expert has it any more."), "line"),
    "question.answer": Kind(N_("%(who)s approved an answer to it."), changes="question"),
    "question.unanswer": Kind(N_("It has no approved answer any more.")),
    "question.pick": Kind(N_("%(who)s picked it for an edition."), "step edition", "question edition"),
    "question.drop": Kind(N_("%(who)s took it out of its edition."), "step edition", "question edition"),
    "question.move": Kind(N_("%(who)s moved it within the edition."), "line edition", "edition"),
    "question.date": Kind(N_("%(who)s set by when it must run."), "line", "question edition"),
    "question.carry": Kind(
        N_("%(who)s carried it over to a later edition."),
        "step edition",
        "question edition",
        N_("%(who)s carried it over to this edition."),
    ),
    "question.carry_back": Kind(
        N_("%(who)s put it back into the edition that it was picked for."), "step edition", "question edition"
    ),
    "question.publish": Kind(N_("It ran."), "step", "question"),
    "question.recall": Kind(N_("%(who)s took the edition back: it hasn’t run."), "step"),
    "question.retract": Kind(N_("%(who)s withdrew its page."), "step", "question"),
    "question.restore": Kind(N_("%(who)s put its page back."), "step", "question"),
    "question.shelve": Kind(N_("%(who)s put it on the shelf."), "step", "question"),
    "question.take": Kind(N_("%(who)s took it from the shelf."), "step", "question"),
    "question.close": Kind(N_("%(who)s closed it."), "step", "question"),
    "question.reopen": Kind(N_("%(who)s opened it again."), "step", "question"),
    "question.merge": Kind(
        N_("%(who)s merged it into another question."), "step", "question", N_("%(who)s merged it into this one.")
    ),
    "question.split": Kind(N_("%(who)s took it out of the other question again."), "step", "question"),
    "question.undo": Kind(N_("%(who)s undid the last step."), "step", "question"),
    "question.show": Kind(N_("%(who)s made it public in the desk’s wording."), "line", "question"),
    "question.hide": Kind(N_("%(who)s took it off the public page."), "line", "question"),
    "question.topics": Kind(N_("%(who)s set the topics."), "line"),
    "assignment.draft": Kind(N_("%(who)s prepared to ask %(expert)s."), "line"),
    "assignment.invite": Kind(N_("%(who)s asked %(expert)s."), "step", "question"),
    "assignment.uninvite": Kind(N_("%(who)s stopped the invitation to %(expert)s."), "step"),
    "assignment.unsent": Kind(N_("The invitation to %(expert)s had not left yet, and was taken back."), "line"),
    "assignment.step back": Kind(
        N_("%(expert)s is only next again: who was asked before has it. The invitation hadn’t left."), "step"
    ),
    "assignment.accept": Kind(N_("%(expert)s said yes."), "step", "question"),
    "assignment.decline": Kind(N_("%(expert)s said no."), "step", "question"),
    "assignment.receive": Kind(N_("The text of %(expert)s came in."), changes="question"),
    "assignment.take back": Kind(N_("%(expert)s has the text back.")),
    "assignment.return": Kind(N_("%(who)s gave the text back to %(expert)s."), "step"),
    "assignment.finish": Kind(N_("What %(expert)s was asked for is done.")),
    "assignment.unfinish": Kind(N_("What %(expert)s was asked for is open again.")),
    "assignment.cancel": Kind(N_("%(who)s doesn’t ask %(expert)s any more."), "step"),
    "assignment.revive": Kind(N_("The text of %(expert)s can be used again."), "step"),
    "assignment.undo": Kind(N_("%(expert)s stands where they stood before."), "line"),
    "assignment.suggest": Kind(N_("%(expert)s suggested a colleague."), "step"),
    "assignment.ask_back": Kind(N_("%(expert)s asked something back."), "step"),
    "assignment.link": Kind(N_("%(who)s sent %(expert)s a new link."), "line"),
    "assignment.ladder": Kind(N_("%(who)s put %(expert)s next on the ladder."), "line"),
    "assignment.off_ladder": Kind(N_("%(who)s took %(expert)s off the ladder."), "line"),
    "assignment.extend": Kind(N_("%(who)s gave %(expert)s more time."), "line"),
    "assignment.report": Kind(N_("%(expert)s reported an error in what ran."), "step"),
    "assignment.brief": Kind(N_("%(who)s changed the brief for %(expert)s."), "line"),
    "assignment.write": Kind(N_("%(who)s wrote to %(expert)s.")),
    "answer.start": Kind(N_("%(who)s began an answer.")),
    "answer.submit": Kind(N_("%(who)s sent the text%(version)s."), "step"),
    "answer.take back": Kind(N_("%(who)s took the text back."), "step"),
    "answer.return": Kind(N_("The text is a draft again.")),
    "answer.edit": Kind(N_("%(who)s edited the answer%(version)s."), "step"),
    "answer.check": Kind(N_("%(who)s sent the text%(version)s for the quote check."), "step"),
    "answer.reply": Kind(N_("The check has come to its end: %(outcome)s."), "step"),
    "answer.recall": Kind(N_("%(who)s took the text back from the check."), "step"),
    "answer.approve": Kind(N_("%(who)s approved the answer%(version)s."), "step"),
    "answer.reopen": Kind(N_("%(who)s took the approval back."), "step"),
    "answer.first": Kind(N_("%(who)s put the answer of %(expert)s first."), "line", "edition"),
    "answer.withdraw": Kind(N_("%(who)s withdrew the answer."), "step"),
    "answer.revive": Kind(N_("The text is one to work on again.")),
    "answer.hold over": Kind(N_("It ran without the text of %(expert)s, which is kept for a later edition."), "step"),
    "answer.use": Kind(N_("%(who)s took up the text of %(expert)s that was kept."), "step", "question"),
    "answer.undo": Kind(N_("The answer stands where it stood before.")),
    "edition.plan": Kind(N_("%(who)s planned the edition."), "edition", "edition"),
    "edition.skip": Kind(N_("%(who)s left the edition out."), "edition", "edition"),
    "edition.unskip": Kind(N_("%(who)s put the edition back that was left out."), "edition", "edition"),
    "edition.slots": Kind(N_("%(who)s changed the number of slots of the edition."), "edition", "edition"),
    "edition.arrange": Kind(N_("%(who)s put the slots of the edition in another order."), "edition", "edition"),
    "edition.lock": Kind(N_("%(who)s locked the edition."), "edition", "edition"),
    "edition.unlock": Kind(N_("%(who)s unlocked the edition."), "edition", "edition"),
    "edition.send": Kind(N_("%(who)s marked the edition as sent."), "edition", "edition"),
    "edition.recall": Kind(N_("%(who)s took the edition back."), "edition", "edition"),
    "edition.arrive": Kind(N_("The newsletter’s own mail came in as it ran."), "edition", "edition"),
    "mail.rewrite": Kind(N_("%(who)s changed the words of the mail."), "line", "outboxmail"),
    "mail.release": Kind(N_("%(who)s let the held mail go."), "line", "outboxmail"),
    "mail.discard": Kind(N_("%(who)s stopped the mail."), "line", "outboxmail"),
    "mail.retry": Kind(N_("%(who)s had the mail tried again."), "line", "outboxmail"),
    "mail.recall": Kind(N_("The mail had become pointless and was stopped."), changes="outboxmail"),
    "mail.send": Kind(N_("The mail went out."), changes="outboxmail"),
    "mail.fail": Kind(N_("The mail couldn’t be delivered."), changes="outboxmail"),
    "mail.expire": Kind(N_("The mail was too late and stayed here."), changes="outboxmail"),
    "mail.bounce": Kind(N_("The mail came back."), changes="outboxmail"),
    "mail.put back": Kind(N_("The mail that was stopped is to go out after all."), changes="outboxmail"),
    "mail.forget": Kind(N_("The mail was stopped because its reader’s address is erased."), changes="outboxmail"),
    "inbound.store": Kind(N_("A mail came in.")),
    "inbound.place": Kind(N_("The mail that came in found its place."), changes="inbound"),
    "inbound.take": Kind(N_("%(who)s made the mail a letter."), changes="inbound"),
    "inbound.put back": Kind(N_("%(who)s put the mail back that was no letter of that expert."), changes="inbound"),
    "inbound.sort": Kind(N_("%(who)s sorted out the mail."), changes="inbound"),
    "inbound.read again": Kind(N_("%(who)s had the mail read again."), changes="inbound"),
    "verdict.same": Kind(N_("%(who)s said that two are the same.")),
    "verdict.not the same": Kind(N_("%(who)s said that two aren’t the same.")),
    "verdict.take back": Kind(N_("%(who)s took back that two are the same.")),
    "expert.record": Kind(N_("%(who)s put %(expert)s in the directory.")),
    "expert.change": Kind(N_("%(who)s changed the profile of %(expert)s.")),
    "expert.merge": Kind(N_("%(who)s merged %(expert)s, who was in the directory twice.")),
    "expert.split": Kind(N_("%(who)s took the merge of %(expert)s back.")),
    "expert.two_people": Kind(N_("%(who)s noted that somebody who looks like %(expert)s is another person.")),
    "person.export": Kind(N_("%(who)s took the directory away as a file.")),
    "expert.verify": Kind(N_("%(who)s noted a check that %(expert)s is who they say.")),
    "newsletter.found": Kind(N_("%(who)s made the newsletter.")),
    "newsletter.rename": Kind(N_("%(who)s renamed the newsletter."), changes="newsletter"),
    "newsletter.pause": Kind(N_("%(who)s let the newsletter pause."), changes="newsletter"),
    "newsletter.resume": Kind(N_("%(who)s let the newsletter go on."), changes="newsletter"),
    "newsletter.close": Kind(N_("%(who)s closed the newsletter."), changes="newsletter"),
    "newsletter.undo": Kind(N_("%(who)s undid the last step with the newsletter."), changes="newsletter"),
    "newsletter.look": Kind(N_("%(who)s looked at the ask page.")),
    "newsletter.hide_steps": Kind(N_("%(who)s put the first steps away.")),
    "newsletter.show_steps": Kind(N_("%(who)s brought the first steps back.")),
    "newsletter.change": Kind(N_("%(who)s changed the settings: %(columns)s.")),
    "topic.add": Kind(N_("%(who)s added a topic.")),
    "newsletter.word": Kind(N_("%(who)s worded a text of the house.")),
    "person.add": Kind(N_("%(who)s put down somebody’s name and address.")),
    "person.disable": Kind(N_("%(person)s was shut out of the whole house.")),
    "person.enable": Kind(N_("%(person)s was let back into the house.")),
    "membership.set": Kind(N_("%(who)s gave %(person)s the role “%(role)s”."), changes="membership"),
    "membership.invite": Kind(N_("%(who)s invited %(person)s as %(role)s."), changes="membership"),
    "membership.invite_again": Kind(N_("%(who)s sent %(person)s the invitation again."), changes="membership"),
    "membership.withdraw": Kind(N_("%(who)s withdrew the invitation of %(person)s."), changes="membership"),
    "membership.join": Kind(N_("%(person)s came to the desk."), changes="membership"),
    "membership.remove": Kind(N_("%(who)s took %(person)s from the desk."), changes="membership"),
    "membership.deactivate": Kind(N_("%(who)s deactivated %(person)s."), changes="membership"),
    "membership.reactivate": Kind(N_("%(who)s let %(person)s come back."), changes="membership"),
    "membership.disable": Kind(N_("%(person)s was shut out of the whole house."), changes="membership"),
    "membership.enable": Kind(N_("%(person)s was let back into the house."), changes="membership"),
    "session.begin": Kind(N_("%(person)s signed in.")),
    "session.prove": Kind(N_("%(person)s showed once more that it is them.")),
    "session.end": Kind(N_("%(who)s signed out another browser.")),
    "session.end_all": Kind(N_("%(who)s signed %(person)s out everywhere.")),
    "factor.add": Kind(N_("%(person)s has a second factor for signing in.")),
    "factor.rename": Kind(N_("%(person)s renamed a second factor.")),
    "factor.remove": Kind(N_("%(person)s removed a second factor.")),
    "factor.codes": Kind(N_("%(person)s made new recovery codes.")),
    "factor.show": Kind(N_("%(person)s showed their second factor.")),
    "factor.reset": Kind(N_("%(who)s removed the second factors of %(person)s, who has lost them.")),
    "sign_in.ask": Kind(N_("%(person)s asked for a way in.")),
    "sign_in.invite": Kind(N_("%(person)s was given a way in.")),
}


@cache
def told_in(*places: str) -> tuple[str, ...]:
    """Return the events that are told in one of these places."""
    return tuple(name for name, kind in EVENTS.items() if {*places} & {*kind.told.split()})


@cache
def changing(noun: str) -> tuple[str, ...]:
    """Return the events that count as a change for whoever has a row of this noun open."""
    return tuple(name for name, kind in EVENTS.items() if noun in kind.changes.split())
