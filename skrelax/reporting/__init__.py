"""Reports to keep: one HTML file that needs no network."""

from ._map_report import write_map_report
from ._report import write_report

__all__ = ["write_map_report", "write_report"]
