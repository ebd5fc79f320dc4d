"""What a newsletter decides once: its rhythm, its sentences, its mails, and who may what."""
