"""Telling people of what happens: who, in which words, through which channel, once."""
