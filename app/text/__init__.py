"""Text processing for any script: cleaning, comparing, languages, and the catalogues of translations."""
