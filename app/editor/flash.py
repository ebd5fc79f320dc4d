"""The result of the last press, as the next page says it."""

from flask import flash, g


def announce(message: str, *, href: str = "", label: str = "", undo: str = "", return_url: str = "") -> None:
    """Say it above the next page that is shown: `label` is a link to `href`; `undo` is the press to take back, and
    `return_url` where that leads to.
    """
    said: dict[str, str] = {"text": message, "href": href, "label": label, "undo": undo, "back": return_url}
    flash(said)  # type: ignore[arg-type]  # it keeps in the session what JSON can say
    g.announced = [*g.get("announced", []), said]  # for whoever sends the very same press again
