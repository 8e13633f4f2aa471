"""Names of HTTP headers that both sides use."""

from typing import Final

KEY_HEADER: Final = "Idempotency-Key"
