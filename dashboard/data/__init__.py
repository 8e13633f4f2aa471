"""What the dashboard reads: one snapshot of the installation, and what follows from it."""
