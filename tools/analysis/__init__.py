"""What tools/analyze_stages.py and tools/search_student.py compute."""
import mmct  # noqa: F401  before MMTracking
