"""The running bridge: reports in, the pure core, one transaction, then relay commands and events out."""
