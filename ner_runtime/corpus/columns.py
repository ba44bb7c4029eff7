"""Check the columns of Parquet files before a run: their names must differ, and the output must support their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ner_runtime.corpus.plan import OutputFormat
from ner_runtime.corpus.sources import Source, check_names, parquet_module
from ner_runtime.errors import InputError


def check_columns(sources: Sequence[Source], output_format: OutputFormat) -> None:
    """Check the columns of the sources that are Parquet.

    Raises:
        InputError: a file cannot be read, a name occurs twice, or the output is JSON, which has no form for a type.
    """
    for source in sources:
        if source.kind != "parquet":
            continue
        schema = read_schema(source)
        check_names(source.path, schema.names)
        unfit = [column for column in schema if not _fits_json(column.type)]
        if unfit and output_format is not OutputFormat.PARQUET:
            raise InputError(
                f"{source.path}: JSON has no form for the column {unfit[0].name!r} of type {unfit[0].type}; "
                "use --format parquet"
            )


def read_schema(source: Source) -> Any:
    """Return the Arrow schema of a Parquet file.

    Raises:
        InputError: the file cannot be read.
    """
    parquet = parquet_module()
    from pyarrow import ArrowException

    try:
        return parquet.read_schema(source.path)
    except (OSError, ArrowException) as error:
        raise InputError(f"{source.path} cannot be read: {error}") from None


def _fits_json(type_: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(type_):
        return _fits_json(type_.value_type)
    if types.is_nested(type_):
        return all(_fits_json(type_.field(number).type) for number in range(type_.num_fields))
    scalars = (types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_string)
    return any(is_scalar(type_) for is_scalar in (*scalars, types.is_large_string, types.is_string_view))
