"""A provider's statement held against the ledger's payments."""
