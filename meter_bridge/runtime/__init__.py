"""A running bridge."""
