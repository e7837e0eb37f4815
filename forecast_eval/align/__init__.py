"""Offline against online: which offline number can be trusted, and what the next launch will earn.

Here are the nouns. The verbs are in modules of their own: `align.align`, `calibration.calibrate`; launches are kept in
`launch_book`.
"""

from .deltas import Deltas
from .launch import Launch, OnlineTest
from .pairs import Pairs, pairs_of

__all__ = ["Deltas", "Launch", "OnlineTest", "Pairs", "pairs_of"]
