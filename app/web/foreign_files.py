"""Headers that isolate files of strangers."""

# A browser that opens a response with these headers runs no script in it, loads nothing for it, and gives it no access
# to our cookies.
ISOLATING_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
