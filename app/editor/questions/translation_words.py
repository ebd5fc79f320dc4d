"""The desk's words for translations: how they stand, who was asked, their fields, what keeps one from approval."""

from flask_babel import lazy_gettext as _l

STANDING = {"draft": _l("written, not approved"), "approved": _l("approved"), "dropped": _l("taken away")}
TRANSLATOR_STANDING = {
    "invited": _l("%(name)s was asked to translate it on %(day)s, by a link."),
    "handed in": _l("%(name)s handed a translation in on %(day)s."),
    "declined": _l("%(name)s was asked, and said no on %(day)s."),
    "withdrawn": _l("%(name)s was asked; the link was withdrawn on %(day)s."),
    "done": _l("%(name)s translated it for you; it was approved on %(day)s."),
}
FIELDS = {
    "headline": _l("Headline"),
    "body": _l("The translation"),
    "name": _l("The expert’s name in this language"),
    "credit_line": _l("Credit line"),
    "relation": _l("Relation"),
    "ties": _l("Ties"),
    "translator": _l("Who translated it"),
    "is_credited": _l("Name the translator in print"),
}
FAULTS = {
    "comparison": _l("Read it against the original, and tick that you did."),
    "approved original": _l("The original isn’t approved yet: that comes first."),
    "current original": _l("The original has changed since: bring the translation up to date."),
    "expert": _l("The expert reads this language and hasn’t said yes to it. Write down why it runs all the same."),
    "reason": _l("The reason is too long."),
    "a second look": _l("Readers’ own words or names stand in it. Look at them, and tick that they may be known."),
    "a look at what was said besides": _l(
        "Readers’ own words stand in it, or what they told the desk alone. Look at it, and tick that it may be known."
    ),
    "no contact details": _l("Somebody could be reached by something in it. That never leaves the house: take it out."),
}
