"""The desk's pages about letters: the list, the open letter, its look-alikes, and all actions on letters."""
