"""Naive twins of the fast code: plain Python, obviously right, importing nothing of cyclesim."""
