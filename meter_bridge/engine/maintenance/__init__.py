"""Audit, backup, restore, verification and transfer of an installation."""
