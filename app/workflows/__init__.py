"""Work that spans several nouns: withdrawal, endings, undo, notices, digest, alarms. Doors and the worker call it;
nouns do not.
"""
