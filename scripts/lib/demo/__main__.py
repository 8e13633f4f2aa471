"""``scripts/demo``: a prepaid household and a landlord's house in operation."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import fcntl
import logging
from pathlib import Path
import shutil
import signal
import sys
import tempfile
import time
from typing import Final

from scripts.lib.demo import cast
from scripts.lib.demo.browser import Chromium, UnitPage
from scripts.lib.demo.narration import narrate, show_where
from scripts.lib.demo.stage import CALM_WATTS, PROJECT, Ports, Stage, set_up
from scripts.lib.demo.story import Story, Unit
from scripts.lib.demo.waiting import NotObservedError

FOLDER: Final = PROJECT / ".demo"
TITLE_WIDTH: Final = 26
DESCRIPTION: Final = """\
Sets up and shows a prepaid household and a landlord's house in operation: a bridge with its own MQTT
broker, simulated meters of three families, a real Home Assistant and the landlord's dashboard, all on this
machine only.
"""


def main() -> int:
    """Run the demo; return the exit code."""
    arguments = _arguments()
    try:
        return asyncio.run(_run(arguments))
    except NotObservedError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=DESCRIPTION)
    parser.add_argument(
        "--check",
        action="store_true",
        help="run the story once, unattended; exit code 0 only if every step was seen",
    )
    parser.add_argument("--keep", action="store_true", help="with --check: leave it running until Ctrl+C")
    ports = Ports()
    for name, port in (
        ("bridge", ports.bridge),
        ("home-assistant", ports.home_assistant),
        ("dashboard", ports.dashboard),
        ("broker", ports.broker),
    ):
        parser.add_argument(
            f"--{name}-port",
            type=int,
            default=port,
            metavar="N",
            help=f"default {port}; another if it is in use",
        )
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> int:
    task = asyncio.create_task(_demo(arguments))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, task.cancel)
    with suppress(asyncio.CancelledError):
        return await task
    print("stopped; nothing is left running")
    return 0 if not arguments.check else 130


async def _demo(arguments: argparse.Namespace) -> int:
    ports = Ports(
        arguments.bridge_port, arguments.home_assistant_port, arguments.dashboard_port, arguments.broker_port
    )
    async with _folder(temporary=arguments.check) as folder:
        _log_to(folder)
        async with set_up(folder, ports, _say) as stage:
            if arguments.check:
                return await _check(stage, keep=arguments.keep)
            return await _live(stage)


@asynccontextmanager
async def _folder(*, temporary: bool) -> AsyncIterator[Path]:
    """Yield an empty folder for the demo; that of a check is temporary."""
    if temporary:
        with tempfile.TemporaryDirectory(prefix="prepaid-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotObservedError(
                f"a demo is already running in {FOLDER}; stop it with Ctrl+C first"
            ) from error
        run = FOLDER / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        yield run


def _log_to(folder: Path) -> None:
    (folder / "logs").mkdir()
    logging.basicConfig(filename=folder / "logs" / "meters.log")


async def _check(stage: Stage, *, keep: bool) -> int:
    began = time.monotonic()
    browser = Chromium()
    try:
        await browser.start()
        page = UnitPage(await browser.page(), stage.dashboard.url, cast.HOUSEHOLD)
        await Story(_story_unit(stage, page), _seen).run()
        await _books(stage)
    except NotObservedError as error:
        _missed(stage, error)
        return 1
    finally:
        await browser.stop()
    print(f"every step was seen; the story took {time.monotonic() - began:.0f} s")
    if keep:
        show_where(stage)
        await asyncio.Event().wait()
    return 0


async def _books(stage: Stage) -> None:
    began = time.monotonic()
    problems = await stage.bridge.problems()
    if problems:
        raise NotObservedError(f"Books are correct: {'; '.join(problems)}")
    _seen("Books are correct", "meter-bridge verify finds nothing", time.monotonic() - began)


async def _live(stage: Stage) -> int:
    show_where(stage)
    try:
        await Story(_story_unit(stage, None), _seen).run()
    except NotObservedError as error:
        _missed(stage, error)
        return 1
    stage.street.dials["fern-cottage"].watts = CALM_WATTS
    print("\nThe story is over; the demo keeps running. What happens from now on:")
    await narrate(stage.api)
    return 0


def _story_unit(stage: Stage, page: UnitPage | None) -> Unit:
    return Unit(
        account_id=cast.HOUSEHOLD,
        entities="fern_cottage",
        api=stage.api,
        home=stage.home,
        page=page,
        meter=stage.street.meter("fern-cottage"),
        dial=stage.street.dials["fern-cottage"],
    )


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def _seen(title: str, observed: str, seconds: float) -> None:
    print(f"  seen  {seconds:6.1f} s  {title:<{TITLE_WIDTH}}  {observed}", flush=True)


def _missed(stage: Stage, error: NotObservedError) -> None:
    print(f"  MISSED          {error}", flush=True)
    for name, last_lines in stage.logs:
        print(f"\n--- end of the log of {name}\n{last_lines}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
