"""The forms of the desk while somebody is at them: the key of each press, and what was typed and not sent yet."""
