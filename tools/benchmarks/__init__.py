"""What tools/benchmark.py measures."""
import mmct  # noqa: F401  before MMTracking
