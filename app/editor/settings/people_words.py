"""What the desk does, in the newsroom's words: the rows of the page "Who may what"."""

from flask_babel import lazy_gettext as _l

GROUPS = (
    (_l("Letters"), {
        "read": _l("Read letters, questions, answers and mails"),
        "take letters": _l("File letters, end them with a kind sentence, sort the mail that comes in"),
        "undo": _l("Undo what one has just done oneself"),
        "check names": _l("Note that a reader’s name was checked, or leave it out"),
    }),
    (_l("Questions"), {
        "word": _l("Make questions and word them; notes, topics, merging, the shelf"),
        "clear": _l("Confirm that nobody can be recognised in the wording"),
        "show": _l("Make a wording public before there is an answer"),
        "close": _l("Close a question, withdraw its page, put it back"),
    }),
    (_l("Experts and answers"), {
        "directory": _l("Keep the directory of experts, and note who was checked"),
        "whole directory": _l("Import and export the directory, merge experts who are one person"),
        "prepare": _l("Prepare an invitation, note a refusal"),
        "invite": _l("Send an invitation, give more time, ask no longer"),
        "edit": _l("Take down and edit answers"),
        "give back": _l("Give a text back, send it for the quote check"),
        "approve": _l("Approve an answer, or take that back"),
    }),
    (_l("The edition and its mails"), {
        "pick": _l("Pick what runs"),
        "edition": _l("Fill, order, lock and send the edition"),
        "stop mails": _l("Change, stop and retry mails"),
        "release mails": _l("Let a held mail go"),
    }),
    (_l("The house"), {
        "settings": _l("Change the settings"),
        "words of the house": _l("Word the house sentences and the mails"),
        "trail": _l("Read the trail and take it away as a file"),
        "people": _l("Invite people, give roles, deactivate, sign a colleague out"),
    }),
)  # fmt: skip
