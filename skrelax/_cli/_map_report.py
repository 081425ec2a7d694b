"""``skrelax map --report``: maps, numbers and statuses in one page."""

from ..nonlinear import FitStatus
from ._images import acquisition_of
from ._kept import REPORT
from ._regions import main_map, map_unit

# Units of the acquisition.
_UNITS = dict.fromkeys(("TE", "TI", "TR", "TS", "TSL"), "s") | {"FA": "degrees"}


def write_maps_report(folder, arguments, table, maps, labels, comparison, notes):
    """Write the report of maps, with notes on what was taken and assumed."""
    # It needs Matplotlib, which not every run has.
    from ..reporting import write_map_report

    acquisition = acquisition_of(table)
    image, names = (None, None) if labels is None else labels[:2]
    shown = [name for name in maps if name != "status"]
    write_map_report(
        folder / REPORT,
        dict(maps),
        affine=table.spatial["affine"],
        units={name: map_unit(name) for name in shown},
        main=main_map(shown),
        statuses={int(one): one.label for one in FitStatus},
        labels=image,
        names=names,
        acquisition=acquisition.rename(
            columns={name: f"{name} ({unit})" for name, unit in _UNITS.items()}
        ),
        comparison=comparison,
        notes=notes,
        title=str(arguments.source),
        command=arguments.command_line,
    )
