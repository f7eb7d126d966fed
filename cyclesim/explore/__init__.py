"""Exploration of spaces of designs: which points to evaluate, what they reach, and which are best.

A space (`space`) gives every point an index; machines of many indices (`machines`) are columns, which the model or the
simulator turns into metrics (`evaluate`), which are kept in parts until all are there (`parts`, `store`). `search`
picks points of spaces that are too large for all of them, `pareto` finds those that no other one beats.
"""
