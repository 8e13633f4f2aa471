"""Tokens for keypad meters that are never online."""
