"""What is in the data, what is odd about it, and whether that stops a run."""

from .facts import data_facts
from .fingerprint import fingerprint
from .gate import GateError, judged, stop
from .hit import Finding
from .written import Gate, as_json, as_lines, counted, gate_of, verdict

__all__ = [
    "Finding",
    "Gate",
    "GateError",
    "as_json",
    "as_lines",
    "counted",
    "data_facts",
    "fingerprint",
    "gate_of",
    "judged",
    "stop",
    "verdict",
]
