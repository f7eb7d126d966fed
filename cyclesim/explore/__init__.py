"""Exploration of spaces of designs: which to evaluate (`search`), which are best (`pareto`), and `figures` of them."""
