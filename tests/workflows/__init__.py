"""What spans nouns: undo, withdrawal, the digest, the figures, the whole of one Q&A."""
