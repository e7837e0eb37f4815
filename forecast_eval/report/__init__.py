"""The HTML report of a run: one self-contained file that works offline."""

from .content import ReportFacts, ReportTables
from .page import write_report

__all__ = ["ReportFacts", "ReportTables", "write_report"]
