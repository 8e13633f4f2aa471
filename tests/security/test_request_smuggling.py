"""No request hides in another: what a proxy may read otherwise than the bridge is refused."""

import asyncio
from typing import Final

import pytest

from tests.api.factories import token_of
from tests.api.serving import Served

HIDDEN: Final = (
    b"POST /api/v1/accounts/flat-1/supply HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer " + token_of("owner").encode() + b"\r\nContent-Length: 36\r\n\r\n"
    b'{"action": "off", "reason": "theft"}'
)
"""What would switch a supply, if it were read as a request of its own."""
TE: Final = b"Transfer-Encoding: "
LENGTH: Final = b"Content-Length: %d" % len(HIDDEN)


def carrying(*headers: bytes, before: bytes = b"") -> bytes:
    """Return a request with headers, whose body is the hidden one."""
    head = b"\r\n".join((b"POST /api/v1/page/sign-in HTTP/1.1", b"Host: x", *headers))
    return head + b"\r\n\r\n" + before + HIDDEN


AMBIGUOUS: Final = {
    "length and chunks": carrying(b"Content-Length: 5", TE + b"chunked", before=b"0\r\n\r\n"),
    "chunks and length": carrying(TE + b"chunked", b"Content-Length: 5", before=b"0\r\n\r\n"),
    "chunks twice": carrying(TE + b"chunked", TE + b"identity", before=b"0\r\n\r\n"),
    "chunks, misspelt": carrying(TE + b"xchunked", before=b"0\r\n\r\n"),
    "chunks after a space": carrying(b"Transfer-Encoding : chunked", before=b"0\r\n\r\n"),
    "chunks after a tab": carrying(TE + b"\tchunked", b"Content-Length: 0", before=b"0\r\n\r\n"),
    "chunks behind a line feed": carrying(b"X: y\nTransfer-Encoding: chunked", before=b"0\r\n\r\n"),
    "chunks in a folded line": carrying(b"X: y\r\n Transfer-Encoding: chunked", before=b"0\r\n\r\n"),
    "chunks in capitals of another script": carrying(
        TE + "chun\N{KELVIN SIGN}ed".encode(), before=b"0\r\n\r\n"
    ),
    "a size with a sign": carrying(TE + b"chunked", before=b"-0\r\n\r\n"),
    "a size with a prefix": carrying(TE + b"chunked", before=b"0x0\r\n\r\n"),
    "a size with an underscore": carrying(TE + b"chunked", before=b"0_0\r\n\r\n"),
    "a size that ends in a line feed": carrying(TE + b"chunked", before=b"0\n\n"),
    "a length with a sign": carrying(b"Content-Length: +0"),
    "a length with an underscore": carrying(b"Content-Length: 0_0"),
    "two lengths": carrying(b"Content-Length: 0", LENGTH),
    "two lengths in one": carrying(b"Content-Length: 0, %d" % len(HIDDEN)),
    "a length in another script": carrying("Content-Length: \N{FULLWIDTH DIGIT ZERO}".encode()),
    "a name with a zero": carrying(b"Content\x00-Length: 0"),
}
"""Each is read in more than one way by some software."""
PLAIN: Final = carrying(LENGTH)
"""In this one the hidden request is nothing but a body."""


async def answers(api: Served, raw: bytes) -> bytes:
    """Return everything that is answered to bytes, after which nothing more is sent."""
    assert api.url.host is not None
    reader, writer = await asyncio.open_connection(api.url.host, api.url.port)
    writer.write(raw)
    writer.write_eof()
    async with asyncio.timeout(60):
        answered = await reader.read(1_000_000)
    writer.close()
    return answered


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_what_could_be_read_in_two_ways_is_refused_whole(api: Served, raw: bytes) -> None:
    answered = await answers(api, raw)
    assert api.port.touched == []
    assert b" 200 " not in answered
    assert answered.count(b"HTTP/1.1 ") <= 1
    assert (await api.ask("GET", "/health", None)).status == 200


async def test_a_body_that_looks_like_a_request_is_a_body(api: Served) -> None:
    answered = await answers(api, PLAIN)
    assert api.port.touched == []
    assert answered.count(b"HTTP/1.1 ") == 1


async def test_the_hidden_request_would_be_carried_out_by_itself(api: Served) -> None:
    """Otherwise the tests above would prove nothing."""
    assert b" 200 " in await answers(api, HIDDEN)
    assert len(api.port.touched) == 1
