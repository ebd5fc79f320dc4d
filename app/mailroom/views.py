from pathlib import Path

from flask import abort, current_app, render_template

from . import folder, mailroom

SHOWN = 200


@mailroom.before_request
def _only_in_the_demo() -> None:
    """Sign-in links stand in these mails: outside a demo nobody finds this door."""
    if not current_app.config["DEMO"] or current_app.config["MAIL_TRANSPORT"] != "folder":
        abort(404)


@mailroom.get("/")
def index() -> str:
    mails = folder.list_newest_mails(Path(current_app.config["MAIL_FOLDER"]), SHOWN)
    return render_template("mailroom/index.html", mails=mails)


@mailroom.get("/<name>")
def read(name: str) -> str:
    mail = folder.get_mail(Path(current_app.config["MAIL_FOLDER"]), f"{name}.eml")
    if mail is None:
        abort(404)
    return render_template("mailroom/mail.html", mail=mail)
