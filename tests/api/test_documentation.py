"""The pages of the documentation say what there is, and nothing else."""

from pathlib import Path
import re

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.cli import SUMMARIES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_api_lists_every_route_and_no_other() -> None:
    page = (DOCS / "api.md").read_text()
    routes = set(re.findall(r"^\| `(GET|POST|PUT|DELETE) ([^`?]+)[^`]*` \|", page, flags=re.MULTILINE))
    assert routes == {(each.method, each.path) for each in ENDPOINTS}


def test_the_page_of_the_command_line_lists_every_command_and_no_other() -> None:
    page = (DOCS / "command-line.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z][a-z-]*)` \| ([^|]+) \|$", page, flags=re.MULTILINE))
    assert listed == dict(SUMMARIES)
