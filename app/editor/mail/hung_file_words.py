"""Files that hang on mails, in the desk's words: what one is by its first bytes, and why a picture isn't shown."""

import re
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...mailtext.incoming import File
from ..frame import editor

# What each kind is called, the ending of a name that is made up for one, and the endings that others honestly have.
KINDS: dict[str, tuple[Any, str, str]] = {
    "jpeg": (_l("JPEG picture"), "jpg", "jpg jpeg jpe jfif"),
    "png": (_l("PNG picture"), "png", "png apng"),
    "gif": (_l("GIF picture"), "gif", "gif"),
    "webp": (_l("WebP picture"), "webp", "webp"),
    "picture": (_l("picture of a kind that isn’t shown here"), "", "heic heif avif tif tiff bmp dng psd nef cr2 arw"),
    "pdf": (_l("PDF document"), "pdf", "pdf ai"),
    "office": (
        _l("Word, Excel or another office file"),
        "",
        "doc docx docm dot dotx xls xlsx xlsm ppt pptx odt ods odp rtf msg pages wps",
    ),
    "archive": (
        _l("archive, which is not unpacked here"),
        "",
        "zip rar 7z gz tgz bz2 xz zst tar cab docx xlsx pptx odt pages numbers key epub jar apk",
    ),
    "sound": (_l("sound"), "", "mp3 ogg oga opus flac wav amr m4a aac"),
    "film": (_l("film"), "", "mp4 m4v m4a mov 3gp webm mkv avi mpg mpeg flv heic"),
    "program": (_l("program"), "", "exe dll com scr msi so sh py pl elf bin lnk class"),
    "encrypted": (_l("encrypted, to be opened elsewhere"), "", "pgp gpg asc age enc"),
    "page": (_l("web page"), "", "html htm xhtml svg xml mht"),
    "mail": (_l("mail, which stays closed"), "eml", "eml mht"),
    "text": (_l("text"), "txt", "txt md csv tsv log asc ics vcf json xml yaml srt sig key pem gpx kml tex rtf"),
    "other": (_l("of no kind that is known here"), "", ""),
}
_CLAIMS = {ending for _label, _made, endings in KINDS.values() for ending in endings.split()}
WHY_NOT = {
    "large": _l("It is too large to be shown here."),
    "unreadable": _l("It is damaged, or not the kind of picture that it says."),
    "time": _l("It takes too long to be drawn."),
    "broken": _l("It couldn’t be drawn."),
}


@editor.app_template_filter("file_kind")
def kind_words(file: File) -> str:
    """Say what a file is, and where its name says otherwise."""
    known = KINDS.get(file.kind)
    if known is None:
        return _("not looked at")
    ending = ending_of(file.name)
    is_so = ending in known[2].split() or ending not in _CLAIMS
    return str(known[0]) if is_so else _("%(kind)s, whatever its name says", kind=known[0])


def ending_of(name: str) -> str:
    """Return the ending of a file's name in small letters, without its point."""
    found = re.search(r"\.(\w{1,12})\Z", name)
    return found[1].lower() if found else ""


def get_download_name(file: File, number: int) -> str:
    """Return the name under which a file is saved: its own, or one that is made up from its place and kind."""
    made = KINDS[file.kind][1] if file.kind in KINDS else ""
    return file.name or f"file-{number}{f'.{made}' if made else ''}"
