"""Reports to keep: one HTML file that needs no network."""

from ._report import write_report

__all__ = ["write_report"]
