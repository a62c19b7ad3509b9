"""One run on screen: its words, progress, actions, downloads, results."""
