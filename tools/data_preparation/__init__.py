"""Data sets as they are given out: checked, and their info files written."""
