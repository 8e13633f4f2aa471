"""What the dashboard was started with: the command line hands it on through the environment."""

from dataclasses import dataclass, field
import os
from pathlib import Path
from typing import Final

DATA_VARIABLE: Final = "PREPAID_METER_DATA"
DATABASE_VARIABLE: Final = "PREPAID_METER_DATABASE"
BRIDGE_VARIABLE: Final = "PREPAID_METER_DASHBOARD_BRIDGE"
FRAMED_VARIABLE: Final = "PREPAID_METER_DASHBOARD_FRAMED_BY"
HOURS_VARIABLE: Final = "PREPAID_METER_DASHBOARD_HOURS"
LANGUAGE_VARIABLE: Final = "PREPAID_METER_DASHBOARD_LANGUAGE"
NUMBERS_VARIABLE: Final = "PREPAID_METER_DASHBOARD_NUMBERS"
OPEN_VARIABLE: Final = "PREPAID_METER_DASHBOARD_WITHOUT_SIGN_IN"
ORIGINS_VARIABLE: Final = "PREPAID_METER_DASHBOARD_ORIGINS"
PEOPLE_VARIABLE: Final = "PREPAID_METER_DASHBOARD_PEOPLE"
SESSION_HOURS: Final = 12
YES: Final = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this dashboard runs."""

    data: Path
    database: str | None = field(default=None, repr=False)
    """Address of the bridge's PostgreSQL database, which may carry a password; None for a file of SQLite."""
    bridge: str | None = None
    """Root of the bridge's API over TCP; None for the Unix socket in the data folder."""
    without_sign_in: bool = False
    """Whoever reaches the address reads everything; only ever on loopback."""
    framed_by: tuple[str, ...] = ()
    """Origins whose pages may show the dashboard in a frame, besides its own."""
    origins: tuple[str, ...] = ()
    """Origins under which a proxy shows the dashboard, besides the one that it listens on."""
    people: Path | None = None
    """File that says which person of the sign-in provider has which role."""
    session_hours: int = SESSION_HOURS
    language: str = "en"
    numbers: str = ""
    """How thousands and decimals are marked; empty for as the language has it."""

    def environment(self) -> dict[str, str]:
        """Return the settings as variables for the server's process."""
        variables = {
            DATA_VARIABLE: str(self.data),
            DATABASE_VARIABLE: self.database or "",
            BRIDGE_VARIABLE: self.bridge or "",
            FRAMED_VARIABLE: " ".join(self.framed_by),
            HOURS_VARIABLE: str(self.session_hours),
            LANGUAGE_VARIABLE: self.language,
            NUMBERS_VARIABLE: self.numbers,
            ORIGINS_VARIABLE: " ".join(self.origins),
            OPEN_VARIABLE: YES if self.without_sign_in else "",
            PEOPLE_VARIABLE: "" if self.people is None else str(self.people),
        }
        return {name: value for name, value in variables.items() if value}


def settings() -> Settings:
    """Return the settings of this process."""
    people = os.environ.get(PEOPLE_VARIABLE)
    return Settings(
        data=Path(os.environ.get(DATA_VARIABLE, ".")),
        database=os.environ.get(DATABASE_VARIABLE) or None,
        bridge=os.environ.get(BRIDGE_VARIABLE) or None,
        framed_by=tuple(os.environ.get(FRAMED_VARIABLE, "").split()),
        origins=tuple(os.environ.get(ORIGINS_VARIABLE, "").split()),
        without_sign_in=os.environ.get(OPEN_VARIABLE) == YES,
        people=Path(people) if people else None,
        session_hours=int(os.environ.get(HOURS_VARIABLE) or SESSION_HOURS),
        language=os.environ.get(LANGUAGE_VARIABLE) or "en",
        numbers=os.environ.get(NUMBERS_VARIABLE) or "",
    )
