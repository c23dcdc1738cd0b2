"""`make demo`: a household of two on this machine; see `__main__`."""
