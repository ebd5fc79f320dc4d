"""Mail as bytes and words: read, trimmed, judged, written, sent."""
