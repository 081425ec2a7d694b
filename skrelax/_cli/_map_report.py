"""``skrelax map --report``: maps, numbers and statuses in one page."""

from ..nonlinear import FitStatus
from ._images import acquisition_of, say_series
from ._kept import REPORT
from ._regions import main_map, map_unit


def write_maps_report(folder, arguments, table, maps, labels, comparison):
    """Write the report of maps."""
    # It needs Matplotlib, which not every run has.
    from ..reporting import write_map_report

    image, names = (None, None) if labels is None else labels
    shown = {name: values for name, values in maps.items() if name != "status"}
    write_map_report(
        folder / REPORT,
        dict(maps),
        affine=table.spatial["affine"],
        units={name: map_unit(name) for name in shown},
        main=main_map(shown),
        statuses={int(one): one.label for one in FitStatus},
        labels=image,
        names=names,
        acquisition=acquisition_of(table),
        comparison=comparison,
        notes=say_series(table),
        title=str(arguments.source),
        command=arguments.command_line,
    )
