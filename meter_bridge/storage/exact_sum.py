"""Sums of amounts that may be beyond 64 bits, exact on both databases.

PostgreSQL adds integers as ``numeric``, and DuckDB in 128 bits; SQLite ends with *integer overflow*
instead. There the upper and the lower half of each amount are added apart.
"""

from typing import Final, override

from sqlalchemy import BigInteger, ColumnElement, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

HALF: Final = 10**9
"""The lower half of an amount is below this, so that billions of rows can be added in 64 bits."""


class _Whole(TypeDecorator[int]):
    """Puts the two halves of a sum together; a sum of nothing is None."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_result_value(self, value: int | str | None, dialect: Dialect) -> int | None:
        if not isinstance(value, str):
            return value
        high, low = value.split()
        return int(high) * HALF + int(low)


class exact_sum(FunctionElement[int]):  # noqa: N801 - written as a function, as SQLAlchemy's own are
    """The sum of a column of integers, or None without rows; not to be calculated with in SQL."""

    type = _Whole()
    inherit_cache = True

    def __init__(self, column: ColumnElement[int]) -> None:
        super().__init__(column)


@compiles(exact_sum)
def _added(element: exact_sum, compiler: SQLCompiler, **options: object) -> str:
    return f"sum({compiler.process(element.clauses, **options)})"


@compiles(exact_sum, "sqlite")
def _halves(element: exact_sum, compiler: SQLCompiler, **options: object) -> str:
    column = compiler.process(element.clauses, **options)
    return f"(sum(({column}) / {HALF}) || ' ' || sum(({column}) % {HALF}))"
