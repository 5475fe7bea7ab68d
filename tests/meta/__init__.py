"""Planted faults by area; `tests/test_the_tests.py` shows that each turns a check red."""
