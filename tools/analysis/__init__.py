"""What tools/analyze_stages.py and tools/search_student.py compute."""
