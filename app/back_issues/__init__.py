"""Back issues: parsing the files of earlier editions and finding the Q&As in them, without a database."""
