"""The fields of a translation, and of the original that is put into them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TranslationFields:
    """The fields of a translation as entered.

    Only a wording has a `headline`. Only an answer has `name`, `credit_line`, `relation` (the expert's details in
    print) and `ties` (their interests in the matter). `translator` is the translator's name, printed if `is_credited`.
    """

    body: str
    headline: str = ""
    name: str = ""
    credit_line: str = ""
    relation: str = ""
    ties: str = ""
    translator: str = ""
    is_credited: bool = False
