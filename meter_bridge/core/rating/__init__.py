"""From energy and tariff to money."""
