"""An address names one database, and whatever is wrong with it is told with the way out and no password."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from meter_bridge.storage.location import LocationError, location_of, parse_location, shown, written

ADDRESS = "postgresql://bridge:s%40crt@db.example:5433/prepaid?sslmode=verify-full"


def test_without_an_address_the_database_is_in_the_folder(tmp_path: Path) -> None:
    assert location_of(tmp_path) == tmp_path / "bridge.db"


@pytest.mark.parametrize(
    "text,path",
    [
        ("sqlite:///bridge.db", "bridge.db"),
        ("sqlite:////var/lib/bridge.db", "/var/lib/bridge.db"),
        ("/var/lib/with space#.db", "/var/lib/with space#.db"),
    ],
)
def test_a_file_is_named_by_its_path_or_as_sqlalchemy_writes_it(text: str, path: str) -> None:
    assert parse_location(text) == Path(path)


def test_a_database_of_a_server_keeps_all_that_its_address_says() -> None:
    url = parse_location(ADDRESS)
    assert isinstance(url, URL)
    assert (url.username, url.password, url.host, url.port) == ("bridge", "s@crt", "db.example", 5433)
    assert (url.database, url.query["sslmode"]) == ("prepaid", "verify-full")


def test_a_location_is_shown_without_its_password_and_written_with_it() -> None:
    location = parse_location(ADDRESS)
    assert "s%40crt" not in shown(location)
    assert shown(location).startswith("postgresql://bridge:***@db.example:5433/prepaid")
    assert parse_location(written(location)) == location


def test_a_unix_socket_may_be_named() -> None:
    url = parse_location("postgresql:///prepaid?host=/run/postgresql")
    assert isinstance(url, URL)
    assert url.query["host"] == "/run/postgresql"


@pytest.mark.parametrize(
    "text,message",
    [
        ("mysql://root:hidden@host/db", "is not the address of a database"),
        ("postgresql://bridge:hidden@host", "names no database"),
        ("postgresql://bridge:hidden@host/one/two", "names no database"),
        ("postgresql://bridge:hidden@host:port/db", "no readable host and port"),
        ("postgresql://bridge:hidden@host:0/db", "no readable host and port"),
        ("postgresql://bridge:hidden@host/db?options=-cfsync=off", "unknown option 'options'"),
        ("sqlite://", "names no file"),
    ],
)
def test_what_names_no_database_is_refused_with_a_remedy(text: str, message: str) -> None:
    with pytest.raises(LocationError, match=message) as refused:
        parse_location(text)
    assert refused.value.remedy
    assert "hidden" not in str(refused.value)
