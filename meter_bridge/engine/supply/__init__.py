"""Supply: evaluation, relays, holds, protections, local cut-off."""
