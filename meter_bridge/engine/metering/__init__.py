"""From a meter's report to its register."""
