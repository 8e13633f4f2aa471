"""The journal and what is posted to it."""
