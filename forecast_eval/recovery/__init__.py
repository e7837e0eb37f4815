"""Demand that a stockout hid, under stated assumptions: money is reported under each of them, as bounds."""

from .recover import METHODS, Method, hidden_share, recovered

__all__ = ["METHODS", "Method", "hidden_share", "recovered"]
