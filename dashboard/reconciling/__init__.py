"""A provider's statement compared with the ledger's payments."""
