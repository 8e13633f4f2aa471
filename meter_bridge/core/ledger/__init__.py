"""Rules of the ledger: double entry, credit and debt."""
