"""The state in memory and how it changes: transactions, clock, events, documents."""
