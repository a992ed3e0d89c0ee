"""Ibis expressions in the form that PostgreSQL takes, and their answer as an Arrow table."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import uuid4

import narwhals as nw
import pyarrow as pa

_ALL = 2**62
"""More rows than there are: a limit that keeps PostgreSQL from computing an expression again wherever its column is used."""


def fetched(frame: nw.LazyFrame[Any]) -> pa.Table:
    """Execute, whatever engine holds the rows."""
    native: Any = nw.to_native(frame)
    if not type(native).__module__.startswith("ibis.expr.types"):
        return frame.collect("pyarrow").to_arrow()
    backend = native.get_backend()
    if backend.name != "postgres":
        return native.to_pyarrow()
    try:
        return _answer(backend, repaired(native, "postgres"))
    except import_module("psycopg").errors.NumericValueOutOfRange:
        return _answer(backend, repaired(native, "postgres", guarded=True))


def cast(column: Any, to: str) -> Any:
    """A cast that is written out even where Ibis takes the column to be of that type already."""
    types, operations = import_module("ibis.expr.datatypes"), import_module("ibis.expr.operations")
    return operations.Cast(column, types.dtype(to)).to_expr()


def repaired(table: Any, engine: str, *, guarded: bool = False) -> Any:
    """The same table in expressions that PostgreSQL takes; another engine's as it is.

    - A number with a point is a ``numeric`` there: it becomes a double.
    - A boolean becomes no other number than an ``integer``: the cast goes by way of one.
    - An exponential is computed once, and not again wherever its column is used.
    - ``guarded``: a product that does not fit a double is infinite, or zero, as elsewhere; there it is an error.
    """
    if engine != "postgres":
        return table
    o = import_module("ibis.expr.operations")
    types = import_module("ibis.expr.datatypes")
    number, whole = types.float64, types.int32

    def repair(node: Any, changed: dict[str, Any] | None) -> Any:
        made = node.__recreate__(changed) if changed else node
        if isinstance(made, o.Literal) and made.dtype.is_floating() and made.value is not None:
            return o.Cast(made, number)
        if isinstance(made, o.Cast) and made.arg.dtype.is_boolean() and made.to.is_numeric() and not made.to.is_int32():
            return o.Cast(o.Cast(made.arg, whole), made.to)
        if isinstance(made, o.Project) and _fenced(made, o):
            return o.Limit(made, _ALL)
        if guarded and isinstance(made, o.Multiply) and made.dtype.is_floating():
            return _guarded(made, o)
        return made

    return table.op().replace(repair).to_expr()


def _fenced(project: Any, o: Any) -> bool:
    values = list(project.values.values())
    if any(value.find(o.Exp, filter=o.Value) for value in values):
        return True
    return isinstance(project.parent, o.Limit) and any(value.find(o.Divide, filter=o.Value) for value in values)


def _guarded(product: Any, o: Any) -> Any:
    """a·b, infinite where it is beyond the doubles and zero where it is below them; of a product's product only the inner one."""
    if product.left.find(o.Multiply, filter=o.Value) or product.right.find(o.Multiply, filter=o.Value):
        return product
    a, b = product.left.to_expr(), product.right.to_expr()
    ibis = import_module("ibis")
    no, far = ibis.literal(False), ibis.literal(float("inf")) * a.sign() * b.sign()
    below = ibis.cases(((a.abs() < 1.0) & (b.abs() < 1.0) & (b != 0.0), a.abs() < 5e-324 / b.abs()), else_=no)
    beyond = ibis.cases(((a.abs() > 1.0) & (b.abs() > 1.0), a.abs() > 1.7976931348623157e308 / b.abs()), else_=no)
    return ibis.cases((below, 0.0), (beyond, far), else_=a * b).op()


def _answer(backend: Any, table: Any) -> pa.Table:
    """The rows of a query, read in PostgreSQL's binary form: text would depend on the session's ``extra_float_digits``."""
    names, types = table.columns, [t.to_pyarrow() for t in table.schema().types]
    connection, query = backend.con, backend.compile(table)
    with connection.transaction(), connection.cursor(name=f"honestlift_{uuid4().hex}", binary=True) as cursor:
        cursor.execute(query)
        rows = cursor.fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [_array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table(arrays, names=list(names))


def _array(values: Any, kind: pa.DataType) -> pa.Array[Any]:
    """A column as Arrow; a sum of integers comes as a ``numeric``."""
    if pa.types.is_integer(kind):
        values = [None if v is None else int(v) for v in values]
    elif pa.types.is_floating(kind):
        values = [None if v is None else float(v) for v in values]
    return pa.array(values, type=kind)
