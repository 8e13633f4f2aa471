"""What the attacks share: the API over a stand-in engine."""

from tests.api.conftest import api

__all__ = ("api",)
