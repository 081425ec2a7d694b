"""What is kept beside tables and picture: a report, and a file that reopens."""

import importlib.util

from ..io import write_result
from ._output import without_math

# Files of these options.
REPORT, RESULT = "report.html", "result.nc"


def check_kept(arguments):
    """Raise an error that names the way out where an option lacks its library."""
    for option, library, extra in (
        ("report", "matplotlib", "plotting"),
        ("netcdf", "xarray", "xarray"),
    ):
        given = getattr(arguments, option, None)
        if given and importlib.util.find_spec(library) is None:
            raise ImportError(
                f'--{option} needs {library}: pip install "skrelax[{extra}]".'
            )


def write_kept(folder, arguments, pipeline, measured):
    """Write what --report and --netcdf ask for.

    `measured` are X, y and the weights, (n_points,) or None.
    """
    X, y, weight = measured
    if arguments.netcdf:
        write_result(
            folder / RESULT,
            pipeline,
            X,
            y,
            sample_weight=weight,
            command=arguments.command_line,
        )
    if not arguments.report:
        return
    # It needs Matplotlib, which not every run has.
    from ..reporting import write_report

    diffusion = "diffusion" in arguments.kernel
    unit = None if diffusion or arguments.unit is None else arguments.unit
    write_report(
        folder / REPORT,
        pipeline,
        X,
        y,
        sample_weight=weight,
        unit=None if unit is None else without_math(unit),
        title=arguments.file or "simulated decay",
        command=arguments.command_line,
    )
