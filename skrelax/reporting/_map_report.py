"""A report of parameter maps."""

import numpy as np
import pandas as pd

from ..io._files import as_path
from ..metrics import label_statistics
from ..plotting import ParameterMapDisplay, RegionHistogramDisplay
from ..plotting._base import rows_and_columns, shortened, styled
from ..utils._frames import as_pandas
from ..utils._validation import check_numbers
from . import _page

# Slices of the slider; of more, as many as these, evenly spread.
_MOST_SLICES = 24
# Of a map without labels.
_ALL = "all voxels"


def write_map_report(
    path,
    maps,
    *,
    affine=None,
    units=None,
    main=None,
    statuses=None,
    labels=None,
    names=None,
    acquisition=None,
    comparison=None,
    notes=(),
    title=None,
    command=None,
    overwrite=False,
):
    """Write one HTML file that shows parameter maps and what they hold.

    The file needs nothing else, no network either: pictures are inside. It has the maps
    with a slider over slices, numbers of each map and of labelled regions, histograms,
    what became of the voxels, the comparison of models, the acquisition and versions.

    Parameters
    ----------
    path : str or path-like
        The file, ``.html``.
    maps : dict of str to ndarray of shape (n_x, n_y[, n_z])
        Maps by name; nan is no value. ``"status"`` holds what became of each voxel.
    affine : array-like of shape (4, 4) or None, default=None
        Affine of the images, see :class:`~skrelax.plotting.ParameterMapDisplay`.
    units : dict of str to str or None, default=None
        Units by the name of the map.
    main : str or None, default=None
        Map whose histogram is drawn. None takes the first.
    statuses : dict of int to str or None, default=None
        What the numbers of ``"status"`` mean.
    labels : ndarray of int or None, default=None
        Region of each voxel; 0 is none.
    names : dict of int to str or None, default=None
        Names of regions by label.
    acquisition : DataFrame or None, default=None
        One row per image.
    comparison : DataFrame or None, default=None
        One row per model that was compared, see
        :func:`~skrelax.model_selection.select_model`.
    notes : sequence of str, default=()
        What a reader should know, a paragraph each.
    title : str or None, default=None
        Heading. None takes the name of the file.
    command : str or None, default=None
        What made the maps, to be shown.
    overwrite : bool, default=False
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the file is there, has another suffix, maps or labels differ in shape, or
        `main` is no map.
    TypeError
        If something is of another kind.
    ImportError
        If Matplotlib is not installed.

    See Also
    --------
    write_report : A report of one inversion.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.reporting import write_map_report
    >>> T1 = np.linspace(0.5, 1.5, 64).reshape(8, 8)
    >>> path = write_map_report("T1.html", {"T1": T1})  # doctest: +SKIP
    """
    path = _page.check_target(as_path(path), overwrite)
    if not isinstance(maps, dict) or not maps:
        raise TypeError(f"maps must be a dict of images by name, got {maps!r:.60}.")
    values = {name: image for name, image in maps.items() if name != "status"}
    main = next(iter(values), None) if main is None else main
    if main not in values:
        raise ValueError(f"main must be one of the maps, {list(values)}, got {main!r}.")
    acquisition = as_pandas(acquisition, "acquisition")
    comparison = as_pandas(comparison, "comparison")
    for name, frame in (("acquisition", acquisition), ("comparison", comparison)):
        if not isinstance(frame, pd.DataFrame | None):
            raise TypeError(f"{name} must be a DataFrame or None, got {frame!r:.60}.")
    title = path.stem if title is None else str(title)
    display = ParameterMapDisplay(values, units=units, affine=affine)
    unit = (units or {}).get(main, "")
    parts = [
        f"<h1>{_page.escape(title)}</h1>",
        _page.paragraph(_page.made_now(), "note"),
        *(_page.paragraph(note) for note in notes),
        _show_maps(display),
        _show_numbers(values, labels, names, main, unit),
        *_show_statuses(maps.get("status"), statuses),
        *_show_tables(acquisition, comparison),
        _page.section("How it was made", *_page.origin(command)),
    ]
    return _page.write(path, title, parts, overwrite)


def _show_maps(display):
    """Return all maps, slice by slice."""
    depth = max(
        (image.shape[2] if image.ndim == 3 else 1 for image in display.images.values()),
    )
    shown = np.unique(np.linspace(0, depth - 1, min(depth, _MOST_SLICES)).astype(int))
    frames = [(_draw_slice(display, k), f"slice {k + 1} of {depth}") for k in shown]
    if len(frames) == 1:
        return _page.section("Maps", frames[0][0])
    return _page.section("Maps", _page.slider("Slice", frames, len(frames) // 2))


@styled
def _draw_slice(display, number):
    """Return the picture of one slice, on the scales of the whole volume."""
    rows, columns = rows_and_columns(len(display.images))
    figure = _page.make_figure(2.9 * columns, 2.7 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    display.slices = np.array([number])
    display.plot(axes)
    return _page.picture(figure, f"Maps, slice {number + 1}")


@styled
def _show_numbers(maps, labels, names, main, unit):
    """Return numbers of maps in regions, and histograms of one."""
    if labels is None:
        labels, names = np.ones(np.shape(maps[main]), dtype=int), {1: _ALL}
    table = label_statistics(maps, labels, names=names)
    columns = ["map", "n_values", "median", "median_stderr", "robust_std", "mean"]
    frame = table.set_index("region")[[*columns, "std"]]
    figure = _page.make_figure(7, 1.6 + 0.5 * table["label"].nunique())
    # Names are text, which Matplotlib would take for formulas.
    drawn = {
        key: shortened(str(name)).replace("$", r"\$")
        for key, name in (names or {}).items()
    }
    RegionHistogramDisplay(maps[main], labels, names=drawn, label=main, unit=unit).plot(
        figure.subplots()
    )
    return _page.section(
        "Numbers",
        _page.picture(figure, f"Histograms of {main}"),
        _page.table(frame.rename(columns=lambda name: name.replace("_", " "))),
        _page.paragraph(
            "Medians and robust standard deviations hardly move with a few voxels that "
            "are far off; means do.",
            "note",
        ),
    )


def _show_statuses(status, words):
    """Return how many voxels have each status."""
    if status is None:
        return []
    numbers = check_numbers(status, "maps['status']")
    found, counts = np.unique(numbers, return_counts=True)
    known = {int(number): word for number, word in (words or {}).items()}
    labels = [known.get(int(one), f"{one:g}") for one in found]
    frame = pd.DataFrame({"voxels": counts}, pd.Index(labels, name="status"))
    return [_page.section("What became of the voxels", _page.table(frame))]


def _show_tables(acquisition, comparison):
    """Return the comparison of models and the acquisition, where they are given."""
    shown = []
    if comparison is not None:
        shown.append(
            _page.section("Models that were compared", _page.table(comparison))
        )
    if acquisition is not None:
        frame = acquisition.rename_axis("image")
        shown.append(_page.section("Acquisition", _page.table(frame, digits=6)))
    return shown
