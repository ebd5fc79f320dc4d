"""QR codes (ISO/IEC 18004), to be printed: dark on white whatever lies under them, with the quiet zone around."""

from io import BytesIO

import segno

ERRORS = "M"  # 15 % may be soiled: more is for codes with a picture in them, less for screens
QUIET = 4  # modules of white on each side (section 6.3.8)
DARK, LIGHT = "#000", "#fff"


def as_svg(text: str, title: str) -> bytes:
    """Draw a code that can be scaled to any size, at first of a millimetre a module. `title` is what a screen reader
    says of it.
    """
    written, look = BytesIO(), {"border": QUIET, "dark": DARK, "light": LIGHT, "svgclass": None, "lineclass": None}
    segno.make_qr(text, error=ERRORS).save(written, kind="svg", unit="mm", title=title, **look)
    return written.getvalue()


def as_png(text: str) -> bytes:
    """Draw a code of about 700 pixels: 6 cm at the 300 dots an inch of print."""
    written = BytesIO()
    segno.make_qr(text, error=ERRORS).save(written, kind="png", scale=20, border=QUIET, dark=DARK, light=LIGHT, dpi=300)
    return written.getvalue()
