"""One file per chart; each returns a figure and the sentence that says what it shows."""
