"""Trackers side by side: plots, and a page to look at. Without torch and MMTracking."""
from .write import write_report

__all__ = ['write_report']
