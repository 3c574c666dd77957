"""What the demo consists of: a plan, commands side by side, and what is shown of their results."""
