"""Typesetting of printed documents."""
