"""Questions in the desk's wording, each for one or more letters; their notes, translations and source protection."""
