"""Where pages get their data: one snapshot, shared by all sessions for a few seconds."""

import os
from pathlib import Path
from typing import Final

import streamlit as st

from dashboard.source import read_snapshot
from dashboard.warehouse import Warehouse

DATA_VARIABLE: Final = "PREPAID_METER_DATA"
FRESH_SECONDS: Final = 3


def data_dir() -> Path:
    """Return the folder that holds the bridge's database and export."""
    return Path(os.environ.get(DATA_VARIABLE, "."))


@st.cache_resource(ttl=FRESH_SECONDS, max_entries=32, show_spinner="Reading the bridge's data …")
def warehouse(folder: Path, account_id: str | None = None) -> Warehouse:
    """Return the present state of all accounts, or of one with its history. Raises ``SourceError``."""
    return Warehouse(read_snapshot(folder, account_id))
