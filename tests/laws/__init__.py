"""Laws that hold for every layer and machine, checked on random ones."""
