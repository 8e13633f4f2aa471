"""The log is one line a message, whatever outsiders send, with our words alone below a warning."""

import logging

import pytest

from meter_bridge.commands.run import FORMAT, TALKATIVE, OneLine, set_up_logging


@pytest.mark.parametrize(
    "text", ["tele/x\n2026-01-01 INFO forged", "\x1b[2Jgone", "a\rb", "a\u2028b", "a\x85b"]
)
def test_a_message_of_outsiders_stays_on_its_line(text: str) -> None:
    record = logging.LogRecord("meter_bridge", logging.WARNING, "", 0, "unreadable: %s", (text,), None)
    told = OneLine(FORMAT).format(record)
    assert len(told.splitlines()) == 1
    assert "\x1b" not in told


def test_a_traceback_keeps_its_lines() -> None:
    error = ValueError("x")
    failure = (ValueError, error, error.__traceback__)
    told = OneLine(FORMAT).format(logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), failure))
    assert told.splitlines()[-2:] == [told.splitlines()[0], "ValueError: x"]


def test_libraries_that_repeat_addresses_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {name: logging.getLogger(name).level for name in (*TALKATIVE, "meter_bridge")}
    monkeypatch.setattr(logging, "basicConfig", lambda **_options: None)
    try:
        set_up_logging("DEBUG")
        assert logging.getLogger("meter_bridge.api").isEnabledFor(logging.DEBUG)
        assert not any(logging.getLogger(name).isEnabledFor(logging.ERROR) for name in TALKATIVE)
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
