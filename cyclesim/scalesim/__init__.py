"""What SCALE-Sim 3.0.0 computes and writes for dense runs, oddities included (docs/scalesim-parity.md).

What SCALE-Sim 2.0.2 does otherwise is asked of `scalesim_versions`.

Nothing outside this package and its kernels follows SCALE-Sim where hardware does not: the native mode shares what is
the same thing, the lowering to a matrix product, the patterns of demand and the way of traces to disk.
"""
