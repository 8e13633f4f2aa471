"""Reports as PDF: statements of many units, and one of the whole portfolio."""
