"""Plots, pictures and pages of trackers side by side. Without PyTorch and MMTracking."""
