"""Sessions of the tenant's page: what a cookie may do, and what no other page can make it do."""

from http import HTTPStatus

import pytest

from meter_bridge.tenant_page.files import FOLDER
from meter_bridge.tenant_page.page_texts import code_label
from meter_bridge.text.catalogue import LANGUAGES
from tests.api.fake_answers import CODE, COOKIE
from tests.api.serving import Served

PAGE = {"Prepaid-Page": "1"}
SESSION = {"Cookie": f"prepaid_session={COOKIE}"}
SUPPLY = "/api/v1/accounts/flat-1/supply"


async def test_signing_in_sets_a_cookie_that_no_script_reads_and_no_other_site_sends(api: Served) -> None:
    body = {"number": "Flat 1", "code": CODE}
    response = await api.ask("POST", "/api/v1/page/sign-in", None, json=body, headers=PAGE)
    assert response.status == HTTPStatus.OK
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith(f"prepaid_session={COOKIE};")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert COOKIE not in await response.text()


@pytest.mark.parametrize("path", ["/api/v1/page/sign-in", "/api/v1/page/sign-out"])
async def test_no_other_page_signs_anybody_in_or_out(api: Served, path: str) -> None:
    response = await api.ask("POST", path, None, json={"number": "Flat 1", "code": CODE})
    assert response.status == HTTPStatus.BAD_REQUEST
    assert api.port.calls == []


async def test_a_session_reads_the_own_account_and_nothing_of_others(api: Served) -> None:
    for path, status in (
        ("/api/v1/accounts/flat-1", 200),
        ("/api/v1/accounts/flat-2", 404),
        ("/api/v1/tokens", 403),
    ):
        assert (await api.ask("GET", path, None, headers=SESSION)).status == status
    response = await api.ask("GET", "/api/v1/accounts", None, headers=SESSION)
    assert [each["id"] for each in (await response.json())["accounts"]] == ["flat-1"]


async def test_a_session_changes_something_only_where_the_page_itself_asks(api: Served) -> None:
    body = {"action": "confirm"}
    refused = await api.ask("POST", SUPPLY, None, json=body, headers=SESSION)
    assert refused.status == HTTPStatus.FORBIDDEN
    assert api.port.touched == []
    done = await api.ask("POST", SUPPLY, None, json=body, headers=SESSION | PAGE)
    assert done.status == HTTPStatus.OK


async def test_a_session_that_is_none_is_told_to_sign_in_again(api: Served) -> None:
    headers = {"Cookie": "prepaid_session=forged"}
    response = await api.ask("GET", "/api/v1/accounts", None, headers=headers)
    assert response.status == HTTPStatus.UNAUTHORIZED
    assert "/my/" in (await response.json())["remedy"]


async def test_the_page_may_run_nothing_but_its_own_files_and_is_never_framed(api: Served) -> None:
    response = await api.ask("GET", "/my/?fbclid=x", None)
    assert response.status == HTTPStatus.OK
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    text = await response.text()
    assert "<script>" not in text
    assert " style=" not in text
    assert " on" + "click=" not in text


async def test_files_are_compressed_and_loaded_once(api: Served) -> None:
    for name in ("", "app.js", "page.css", "sw.js", "paid", "voucher", "cancelled", "page.webmanifest"):
        response = await api.ask("GET", f"/my/{name}", None)
        assert response.status == HTTPStatus.OK, name
        tag = {"If-None-Match": response.headers["ETag"]}
        assert (await api.ask("GET", f"/my/{name}", None, headers=tag)).status == HTTPStatus.NOT_MODIFIED
    for name in ("..%2Fdoor.py", "nothing.js", "index.html.bak"):
        assert (await api.ask("GET", f"/my/{name}", None)).status == HTTPStatus.NOT_FOUND


def test_the_page_is_under_a_hundred_kilobytes_in_any_language() -> None:
    sizes = {each.name: each.stat().st_size for each in FOLDER.iterdir() if each.is_file()}
    loaded = sum(sizes.values()) + max(len(code_label(language)) for language in LANGUAGES)
    assert loaded < 80_000


async def test_a_threshold_is_written_as_an_amount_and_kept_as_an_integer(api: Served) -> None:
    where = "/api/v1/accounts/flat-1/notifications"
    kept = await api.ask("PUT", where, None, json={"low_credit": "20.50"}, headers=PAGE | SESSION)
    assert (await kept.json())["low_credit"] == 20_500_000
    for wrong in ("20.505", "twenty", "1e3"):
        refused = await api.ask("PUT", where, None, json={"low_credit": wrong}, headers=PAGE | SESSION)
        assert refused.status == HTTPStatus.BAD_REQUEST
        assert (await refused.json())["field"] == "low_credit"
    fine = await api.ask("PUT", where, None, json={"low_credit": "20.505"}, headers=PAGE | SESSION)
    assert (await fine.json())["remedy"].endswith("at most 2 decimal places, or leave it out")
