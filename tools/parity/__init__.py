"""What tools/verify_parity.py compares, a file for each tracker."""
import mmct  # noqa: F401  before MMTracking
