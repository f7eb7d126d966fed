"""Layer lengths as the microarchitecture page writes them out, not as `schedule` composes them.

Section 3's last column, section 7's trimmed lengths, and section 7's last output of padded layers.
"""

from __future__ import annotations

from cyclesim.hardware import Hardware


def page_length(hardware: Hardware, sr: int, sc: int, t: int) -> int:
    """Return the length L of a group with spatial dimensions `sr` x `sc` and `t` stream steps [array cycles]."""
    r, c = hardware.rows, hardware.cols
    fr, fc = -(-sr // r), -(-sc // c)
    f = fr * fc
    kind = hardware.variant.removeprefix(hardware.dataflow)
    if hardware.trim_folds:
        return f * (t - 2 + (0 if kind == "bus" else r)) + sr * fc + sc * fr
    lengths = {
        "": f * (2 * r + c + t - 2),
        "-db": f * (r + c + t - 2) + r,
        "-pipe1": f * (t + r) + r + c - 2,
        "-pipe": (f - 1) * max(t, r) + t + 2 * r + c - 2,
        "-pipe2": (f - 1) * max(t, 2 * r - 1) + t + 2 * r + c - 2,
        "bus": f * (r + c + t - 2),
        "bus-pipe": (f - 1) * max(t, r) + t + r + c - 2,
    }
    return lengths[kind]


def page_last_output(hardware: Hardware, sr: int, sc: int, t: int) -> int:
    """Return the cycle after a group's last result; the maximum over f of S_f + e_f.

    A trimmed layer ends with its last output. In a padded one the maximum belongs to one of the folds F-1, F-2,
    F-1-Fr and F-2-Fr.
    """
    if hardware.trim_folds:
        return page_length(hardware, sr, sc, t)
    r, c = hardware.rows, hardware.cols
    fr, fc = -(-sr // r), -(-sc // c)
    folds = fr * fc
    stationary = hardware.dataflow != "os"
    bus = hardware.variant.startswith("osbus")
    step = {
        "none": t + (1 if bus else 2) * r + c - 2,
        "db": t + r + c - 2,
        "pipe1": t + r,
        "pipe": max(t, r),
        "pipe2": max(t, 2 * r - 1),
    }[hardware.fold_overlap]

    def end(f: int) -> int:
        used_rows, used_cols = min(r, sr - f % fr * r), min(c, sc - f // fr * c)
        if stationary:
            return r + f * step + t + r + used_cols - 2
        if bus:
            return f * step + t + used_rows + used_cols - 2
        return f * step + t + 2 * r - 2 + (c if hardware.variant == "os-db" else used_cols)

    return max(end(f) for f in (folds - 1, folds - 2, folds - 1 - fr, folds - 2 - fr) if f >= 0)
