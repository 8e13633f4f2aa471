"""The decision about a supply, and all that it depends on."""
