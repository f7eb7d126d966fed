"""What a machine costs: energy, area, leakage and clock of its components (docs/energy.md).

A design is priced (`prices`) from its PEs (`pe`), scratchpads (`scratchpad`) and DRAM; what a layer makes them do is
its activity (`activity`), and energy is activity times price (`energy`). All of these work on arrays of designs, in
which one machine (`machine`) is a column.
"""
