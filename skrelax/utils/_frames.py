"""Frames of other libraries than pandas, through narwhals.

The suite computes with pandas. narwhals is asked for when another frame comes, and not
before: scikit-learn has it from version 1.9 on, older ones do not.
"""

import numpy as np
import pandas as pd


def is_foreign(X):
    """Return whether X is a frame of another library than pandas."""
    if isinstance(X, np.ndarray | pd.DataFrame | list):
        return False
    is_table = hasattr(X, "__arrow_c_stream__") or hasattr(X, "__dataframe__")
    return is_table and (hasattr(X, "columns") or hasattr(X, "column_names"))


def frame_columns(X):
    """Return the names of the columns of a frame, None where X is none."""
    if isinstance(X, pd.DataFrame):
        return X.columns
    if not is_foreign(X):
        return None
    # The columns of an Arrow table are arrays.
    return pd.Index(list(getattr(X, "column_names", None) or X.columns))


def refuse_lazy(X, name):
    """Raise TypeError for a frame whose rows are not computed yet."""
    if hasattr(X, "collect") and hasattr(X, "lazy") and not is_foreign(X):
        raise TypeError(
            f"{name} must be a frame with its rows, got a {type(X).__name__}; pass "
            f"{name}.collect()."
        )


def as_pandas(X, name="frame", columns=None):
    """Return a frame of another library as one of pandas, and all else as it is.

    Of `columns`, None is all; others may hold what pandas has no types for.
    """
    refuse_lazy(X, name)
    if not is_foreign(X):
        return X
    frame = _read(X, name)
    names = frame.columns if columns is None else columns
    return pd.DataFrame({one: _as_values(frame[one], name) for one in names})


def _as_values(column, name):
    """Return a column (n_rows,) as an array that pandas keeps as it is."""
    missing = column.is_null().to_numpy()
    is_whole = str(column.dtype).startswith(("Int", "UInt")) and missing.any()
    try:
        # As doubles, which hold nan, large integers would be equal.
        values = (column.fill_null(0) if is_whole else column).to_numpy()
    except Exception as error:  # each library raises another one
        raise TypeError(
            f"{name} has a column {column.name!r} of {column.dtype}, which NumPy "
            f"cannot hold: {error}"
        ) from error
    if values.ndim != 1:
        raise TypeError(
            f"{name} has a column {column.name!r} of {column.dtype}, but columns must "
            "hold one value in each row."
        )
    return pd.arrays.IntegerArray(values, missing) if is_whole else values


def _read(X, name):
    """Return a frame of another library as narwhals has it, or raise."""
    names = frame_columns(X)
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise ValueError(
            f"{name} has {int((names == twice).sum())} columns named {twice!r}."
        )
    try:
        return _narwhals(X, name).from_native(X, eager_only=True)
    except TypeError as error:
        kind = type(X)
        raise TypeError(
            f"{name} must be a frame with its rows in memory, of pandas or of a "
            f"library that narwhals reads (polars, pyarrow), got a {kind.__name__} of "
            f"{kind.__module__.partition('.')[0]}."
        ) from error


def like(table, X, keys=(), rows=None):
    """Return a DataFrame of pandas as a frame of the library that X is of.

    Columns `keys` are taken as they are from `rows` of X, with the types that they have
    there. What pandas has for an index is left out.
    """
    if not is_foreign(X):
        return table
    whole = _read(X, "frame")
    native = _narwhals(X, "frame").get_native_namespace(whole)
    kept = whole if rows is None else whole[np.asarray(rows)]
    # What polars, Modin and cuDF call a frame is a table to Arrow.
    make = getattr(native, "DataFrame", None) or native.table
    columns = {}
    for name in table.columns:
        if name in keys:
            columns[name] = kept[name].to_native()
        else:
            values = table[name].to_numpy()
            columns[name] = values.tolist() if values.dtype.kind == "O" else values
    return make(columns)


def take_rows(X, index):
    """Return the rows of an array or a frame of any library that an index chooses."""
    if hasattr(X, "iloc"):
        return X.iloc[index]
    if isinstance(X, np.ndarray):
        return X[index]
    if not is_foreign(X):
        return np.asarray(X)[index]
    index = np.asarray(index)
    index = np.flatnonzero(index) if index.dtype == bool else index
    return _read(X, "frame")[index].to_native()


def _narwhals(X, name):
    """Return narwhals, or raise an error that says what to do without it."""
    try:
        import narwhals
    except ImportError as error:
        library = type(X).__module__.partition(".")[0]
        raise ImportError(
            f"{name} is a frame of {library}, which needs narwhals: install it (pip "
            f"install narwhals), or pass {name}.to_pandas()."
        ) from error
    return narwhals
