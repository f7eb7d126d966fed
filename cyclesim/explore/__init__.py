"""Exploration of spaces of designs: which to evaluate (`search`), what they reach (`evaluate`), which are best (`pareto`).

A space (`space`) gives every point an index; machines of many indices (`machines`) are columns, which the model or the
simulator turns into metrics, which are kept in parts until all are there (`store`).
"""
