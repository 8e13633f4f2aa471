"""Set-based pricing: the bridge's rating as SQL over many units, generated from the same tariff objects."""
