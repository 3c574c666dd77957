"""What the demo consists of: commands side by side, and what is shown of their results."""
