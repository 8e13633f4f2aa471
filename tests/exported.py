"""The columns of exported files as Arrow has them."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from meter_bridge.storage import segment_columns
from meter_bridge.storage.segment_columns import SegmentColumn

_TYPES: Final = {
    segment_columns.BIGINT: pa.int64(),
    segment_columns.BOOLEAN: pa.bool_(),
    segment_columns.DATE: pa.date32(),
    segment_columns.INTEGER: pa.int32(),
    segment_columns.SMALLINT: pa.int16(),
    segment_columns.VARCHAR: pa.string(),
}


def _schema(columns: Iterable[SegmentColumn]) -> pa.Schema:
    return pa.schema([(column.name, _TYPES[column.type]) for column in columns])


SEGMENT_SCHEMA: Final = _schema(segment_columns.EXPORTED)
ROLLUP_SCHEMA: Final = _schema(segment_columns.ROLLUP)
