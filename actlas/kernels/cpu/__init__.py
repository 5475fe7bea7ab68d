"""The CPU engine: programs of tables and arithmetic, run by one small C source."""
