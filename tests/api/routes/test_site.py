"""The site file over the API."""

from io import BytesIO

import pytest

from meter_bridge.api.http.endpoint import SITE_FILE_BYTES
from meter_bridge.api.routes import site
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.config.problems import SiteFileError, SiteProblem
from tests.api.serving import Served

WRONG = SiteProblem(7, 3, "sites.rose.currency", "RAND", "is no currency", "write a code such as ZAR")


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the loader, whose own tests show what it accepts."""

    def load(text: str) -> InstallationPlan:
        if "RAND" in text:
            raise SiteFileError([WRONG])
        return InstallationPlan(text.strip(), ())

    monkeypatch.setattr(site, "load", load)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_site_file_is_applied_or_only_tried(api: Served, *, dry_run: bool) -> None:
    response = await api.ask("POST", f"/api/v1/site?dry_run={str(dry_run).lower()}", data="Rose")
    assert response.status == 200
    assert await response.json() == {"changes": ["add site rose"], "applied": not dry_run, "pending": []}
    assert api.port.calls == [f"apply Rose {dry_run}"]


async def test_a_wrong_site_file_is_told_with_its_line_and_remedy(api: Served) -> None:
    response = await api.ask("POST", "/api/v1/site", data="RAND")
    assert response.status == 400
    problem = await response.json()
    assert "line 7" in problem["message"]
    assert problem["field"] == "sites.rose.currency"
    assert problem["remedy"] == "write a code such as ZAR"
    assert problem["problems"] == [
        {
            "code": "wrong_value",
            "field": "sites.rose.currency",
            "value": "RAND",
            "message": "is no currency",
            "remedy": "write a code such as ZAR",
            "line": 7,
            "column": 3,
        }
    ]
    assert api.port.calls == []


async def test_a_site_file_may_be_larger_than_other_bodies_but_not_endless(api: Served) -> None:
    assert (await api.ask("POST", "/api/v1/site", data=BytesIO(b"#" * 1_000_000))).status == 200
    assert (await api.ask("POST", "/api/v1/site", data=BytesIO(b"#" * (SITE_FILE_BYTES + 1)))).status == 413


async def test_a_site_file_that_is_not_text_is_refused(api: Served) -> None:
    response = await api.ask("POST", "/api/v1/site", data=b"\xff\xfe")
    assert response.status == 400
    assert "UTF-8" in (await response.json())["message"]
