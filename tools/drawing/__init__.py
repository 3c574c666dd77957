"""Tracked targets, drawn into frames and written as videos."""
