"""The names by which mail programs mark what they quote, in lower case: in a class, an id, a name or another attribute."""

from enum import Enum, auto


class Role(Enum):
    QUOTE = auto()  # holds quoted mail and nothing else
    THREAD = auto()  # holds an attribution, quotes, and answers between and below them
    INTRO = auto()  # holds the attribution
    REST = auto()  # from here to the end of the page all is quoted
    SIGN = auto()  # holds the signature


_ROWS: tuple[tuple[Role, str, str], ...] = (
    # Role, attribute, names
    (Role.THREAD, "class", "gmail_quote gmail_quote_container protonmail_quote tutanota_quote zmail_extra hs_reply"),
    (Role.INTRO, "class", "gmail_attr moz-cite-prefix moz-email-headers-table"),
    (Role.INTRO, "id", "reply-intro"),  # Roundcube
    (Role.QUOTE, "class", "moz-forward-container appleoriginalcontents outlookmessageheader sh-quoted-content bloop_original_html yahoo_quoted mail-quote-collapse"),
    (Role.QUOTE, "id", "olk_src_body_section mail-editor-reference-message-container ms-outlook-mobile-reference-message isreplycontent isforwardcontent original-content"),
    (Role.QUOTE, "name", "quote quoted-content messagereplysection"),  # GMX, Spark
    (Role.QUOTE, "data-marker", "__quoted_text__"),  # Zimbra
    (Role.REST, "id", "divrplyfwdmsg appendonsend zwchr stopspelling"),  # Outlook on the web, Zimbra, Hotmail
    (Role.REST, "data-marker", "__divider__ __headers__"),
    (Role.SIGN, "class", "gmail_signature gmail_signature_prefix moz-signature protonmail_signature_block bloop_sign sh-signature front-signature k9mail-signature ms-outlook-mobile-signature"),
    (Role.SIGN, "id", "applemailsignature ms-outlook-mobile-signature composer_signature ymail_android_signature signature _rc_sig mail-app-auto-default-signature"),
    (Role.SIGN, "name", "messagesignaturesection"),
    (Role.SIGN, "data-marker", "__sig_pre__ __sig_post__"),
)  # fmt: skip

CONTAINERS: dict[tuple[str, str], Role] = {
    (attribute, name): role for role, attribute, names in _ROWS for name in names.split()
}

# A blockquote of these classes comes from a program alone. One of Gmail's class a person can set too, with the button that quotes;
# Outlook indents with blockquotes (see cutting.py).
CITING: dict[str, Role] = dict.fromkeys(
    ("protonmail_quote", "tutanota_quote", "cite2", "clean_bq", "front-blockquote", "missive_quote", "iosymail", "wmi-quote", "yahoo_quoted"), Role.QUOTE
)  # fmt: skip

# Names with something of the moment behind them.
BEGINS: tuple[tuple[str, Role], ...] = (
    ("aolmsgpart_", Role.QUOTE),
    ("yahoo_quoted", Role.QUOTE),
    ("bloop_sign_", Role.SIGN),
    ("ymail_android_signature", Role.SIGN),
)

# Outlook's Word writes no names: the box with the headers has a line above it and nothing else.
STYLED: tuple[tuple[str, tuple[str, ...], Role], ...] = (
    ("div", ("border-top:solid", "padding:3.0pt"), Role.REST),
    ("div", ("border-top:solid", "padding:3pt"), Role.REST),
    ("div", ("border-top:1ptsolid", "padding:3pt"), Role.REST),
    ("div", ("border-top-color:rgb(181,196,223)",), Role.REST),
    ("div", ("border-top-color:rgb(225,225,225)",), Role.REST),
    ("div", ("border-top:#b5c4df1ptsolid",), Role.REST),
    ("div", ("border-top:#e1e1e11ptsolid",), Role.REST),
    ("div", ("border-top:1pxsolid#e1e1e1",), Role.REST),
    ("div", ("border-top-style:solid", "padding-top:5px"), Role.REST),
)
