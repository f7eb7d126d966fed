"""Design spaces: their points as numbers, the figures of all points, and which points nothing beats.

A space (`space`) gives every point an index; machines of many indices (`machines`) are columns, which the model or the
simulator turns into metrics (`evaluate`), which are kept in parts until all are there (`store`).
"""
