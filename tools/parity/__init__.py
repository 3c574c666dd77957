"""What tools/verify_parity.py compares, a file for each tracker."""
