"""Limits and headers for files of strangers: the size of upload forms, and headers that isolate a file."""

FORM_OVERHEAD = 64 * 1024  # bytes allowed for the other fields of an upload form
# A browser that opens a response with these headers runs no script in it, loads nothing for it, and gives it no access
# to our cookies.
ISOLATING_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
