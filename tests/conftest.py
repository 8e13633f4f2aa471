"""What every suite shares, in whichever environment it runs."""

from collections.abc import Iterator
import os

from hypothesis import settings
import pytest

# Examples are the same on every run of CI, so that a red run can be repeated; at a desk they keep exploring.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about SQLite itself where the run is on PostgreSQL."""
    if os.environ.get("PREPAID_TEST_DATABASE") == "postgresql":
        about_sqlite = [item for item in items if item.get_closest_marker("sqlite")]
        config.hook.pytest_deselected(items=about_sqlite)
        items[:] = [item for item in items if not item.get_closest_marker("sqlite")]


@pytest.fixture(autouse=True)
def _no_database_left() -> Iterator[None]:
    """Drop what a test made on the PostgreSQL server."""
    yield
    if os.environ.get("PREPAID_TEST_DATABASE") == "postgresql":
        from tests.storage.template import forget  # noqa: PLC0415 - the component's tests have no bridge

        forget()
