"""One file for each command of ``meter-bridge``."""
