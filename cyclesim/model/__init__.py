"""The fast analytical model: what a run says, in closed forms (docs/analytical-model.md).

Everything is arithmetic on arrays that have a layer axis and a machine axis, so that one layer on one machine and a
million of them take the same path and give the same numbers. Nothing here generates an address or steps through cycles.
"""
