"""Statements: read from the journal, put together, and shown as a table or a document."""
