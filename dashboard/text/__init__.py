"""What the dashboard writes: translations, labels, numbers and markup."""
