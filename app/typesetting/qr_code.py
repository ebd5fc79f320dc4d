"""QR codes (ISO/IEC 18004) for print: dark on opaque white, with the quiet zone around them."""

from io import BytesIO

import segno

ERROR_CORRECTION = "M"  # for 15 % of damage; more is for codes with a picture in them, less for screens
QUIET_ZONE = 4  # modules of white on each side (section 6.3.8)
DARK, LIGHT = "#000", "#fff"


def as_svg(text: str, title: str) -> bytes:
    """Return a QR code as SVG, one millimetre per module. `title` is its name for screen readers."""
    buffer = BytesIO()
    segno.make_qr(text, error=ERROR_CORRECTION).save(
        buffer,
        kind="svg",
        unit="mm",
        title=title,
        border=QUIET_ZONE,
        dark=DARK,
        light=LIGHT,
        svgclass=None,
        lineclass=None,
    )
    return buffer.getvalue()


def as_png(text: str) -> bytes:
    """Return a QR code as PNG, of about 700 pixels: 6 cm at 300 dpi."""
    buffer = BytesIO()
    segno.make_qr(text, error=ERROR_CORRECTION).save(
        buffer, kind="png", scale=20, border=QUIET_ZONE, dark=DARK, light=LIGHT, dpi=300
    )
    return buffer.getvalue()
