"""Everything that a person reads, in the person's language: gettext catalogues, numbers, dates and alerts."""
