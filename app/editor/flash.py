"""The result of the last press, as the next page says it."""

from flask import flash, g


def announce(words: str, *, href: str = "", label: str = "", undo: str = "", back: str = "") -> None:
    """Say it above the next page that is shown: `label` is a link to `href`; `undo` is the press to take back, and
    `back` where that leads to.
    """
    said: dict[str, str] = {"text": words, "href": href, "label": label, "undo": undo, "back": back}
    flash(said)  # type: ignore[arg-type]  # it keeps in the session what JSON can say
    g.announced = [*g.get("announced", []), said]  # for whoever sends the very same press again
