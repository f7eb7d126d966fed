"""Figures: what they show is data (`charts`), how they look is one style (`style`)."""
