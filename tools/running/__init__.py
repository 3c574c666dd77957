"""How trainings and tests run: their processes, memory and settings."""
