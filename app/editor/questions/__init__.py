"""The questions at the desk: the list, the page of one, its wording, whoever asked, the shelf and the archive."""
