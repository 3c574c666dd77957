"""What tools/report.py writes: plots, and a page to look at. Without PyTorch and MMTracking."""
