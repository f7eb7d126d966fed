"""Suite ``fidelity``: how close is the analytical model to the simulator, and does it choose the same designs?

Random machines of a wide design space run a few layers of each of several networks, by both. Errors are reported for
each metric, and for each network whether designs come out in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cyclesim.channel import channel_of
from cyclesim.simulation import compile_kernels
from cyclesim.validation import Settings
from cyclesim.validation.agreement import (
    choice_regret,
    errors,
    hypervolume,
    kendall_tau,
    pairs_alike,
    pareto_set,
    spearman_rho,
)
from cyclesim.validation.design_space import DRAM, METRICS, SAMPLES, SRAM, Numbers, Sample, joined, sample
from cyclesim.validation.fidelity_charts import FASTER, charts
from cyclesim.validation.findings import Bound, Findings

CHOICES, CANDIDATES = 400, 20
"""How often the best of so many designs is chosen."""
FEW_PES = 256
MANY_STALLS = 0.05
FACTORS = (0.05, 0.25, 1.0)
"""Shares by which a least bandwidth may be larger or smaller to count as near."""
EDGES = (0.0, 0.01, 0.05, 0.2, 1.0)


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run has a few designs only, too few to judge the model by."""
    compile_kernels()
    samples = []
    for name in SAMPLES:
        samples.append(sample(name, settings.seed, settings.quick))
        taken = samples[-1]
        points = len(taken.layers) * len(taken.machines)
        findings.say(f"... {name}: {points} points simulated in {taken.truth_seconds:.0f} s")
    regret = {one.network: regrets(one, settings.seed) for one in samples}
    _range_table(samples, findings)
    _error_table(samples, findings)
    _rank_table(samples, regret, findings)
    _pareto_table(samples, findings)
    _pair_table(samples, findings)
    _bandwidth_table(samples, findings)
    _worst_table(samples, findings)
    for bound in bounds(samples, regret, judged=not settings.quick):
        findings.bound(bound)
    for chart in charts(samples):
        findings.chart(chart)


def _percent(*shares: float) -> tuple[str, ...]:
    return tuple(f"{100 * share:.2f} %" for share in shares)


def _range_table(samples: Sequence[Sample], findings: Findings) -> None:
    """Say which part of the design space came into the samples: designs whose truth would take too long did not."""
    rows = []
    for one in samples:
        pes = np.array([machine.rows * machine.cols for machine in one.machines])
        limits = [channel_of(machine).bandwidth for machine in one.machines]
        wide = np.array([float(limit) for limit in limits if limit is not None])
        rows.append(
            (one.network, str(len(pes)), f"{pes.min():,}", f"{np.median(pes):,.0f}", f"{pes.max():,}",
             str(np.count_nonzero(pes <= FEW_PES)), f"{wide.min():g}", f"{np.median(wide):g}", f"{wide.max():g}")
        )  # fmt: skip
    header = ("sample", "designs", "fewest PEs", "median", "most", f"up to {FEW_PES}", "least words/cycle", "median",
              "most")  # fmt: skip
    findings.table("The designs of each sample", header, rows)


def _error_table(samples: Sequence[Sample], findings: Findings) -> None:
    rows = []
    total = joined(samples, "total_cycles")[1]
    stalls = joined(samples, "stall_cycles")
    # Stalls are often few or none: what counts is their share of the cycles, and their own error where they do.
    many = stalls[1] > MANY_STALLS * total
    measured = {metric: errors(*joined(samples, metric)) for metric in METRICS if metric != "stall_cycles"}
    measured["stall_cycles / total_cycles"] = errors(*stalls, total)
    measured[f"stall_cycles, where over {MANY_STALLS:.0%} of total_cycles"] = errors(stalls[0][many], stalls[1][many])
    for name, found in measured.items():
        shares = _percent(found.exact, found.mean, found.median, found.p95, found.worst, found.bias)
        rows.append((name, f"{found.points:,}", *shares))
    header = ("layer on a design", "points", "exact", "mean error", "median", "95th", "worst", "bias")
    findings.table("Relative errors of the model, by metric", header, rows)


def regrets(one: Sample, seed: int) -> Numbers:
    """Return how much worse the model's choice is than the best, for many small sets of designs."""
    rng = np.random.default_rng([seed, 77, SAMPLES.index(one.network)])
    estimate, truth = one.totals("total_cycles")
    size = min(CANDIDATES, len(truth))
    sets = [rng.choice(len(truth), size, replace=False) for _ in range(CHOICES)]
    return np.array([choice_regret(estimate[chosen], truth[chosen]) for chosen in sets])


def _rank_table(samples: Sequence[Sample], regret: dict[str, Numbers], findings: Findings) -> None:
    rows = []
    for one in samples:
        estimate, truth = one.totals("total_cycles")
        found = regret[one.network]
        rows.append(
            (one.network, str(len(one.machines)), f"{kendall_tau(estimate, truth):.4f}",
             f"{spearman_rho(estimate, truth):.4f}", f"{100 * np.mean(found <= 0.01):.1f} %",
             f"{100 * np.mean(found <= 0.05):.1f} %", f"{one.truth_seconds:.1f}",
             f"{1000 * one.estimate_seconds:.1f}", f"{1000 * one.again_seconds:.1f}", f"{one.times_faster:,.0f}")
        )  # fmt: skip
    header = ("network", "designs", "Kendall tau", "Spearman rho", "best within 1 %", "within 5 %", "simulated [s]",
              "estimated [ms]", "again [ms]", "times faster")  # fmt: skip
    size = min(CANDIDATES, *(len(one.machines) for one in samples))  # a quick run has fewer designs
    title = f"Designs ranked by total cycles, and the best of {size} chosen by the model"
    findings.table(title, header, rows)


def _pareto_table(samples: Sequence[Sample], findings: Findings) -> None:
    rows = []
    for one in samples:
        estimate, truth = one.totals("total_cycles")
        words, true_words = one.totals(*DRAM)
        theirs, ours = pareto_set(truth, true_words), pareto_set(estimate, words)
        overlap = len(np.intersect1d(theirs, ours)) / len(np.union1d(theirs, ours))
        corner = (float(truth.max()) * 1.01, float(true_words.max()) * 1.01)
        volume = hypervolume(truth[ours], true_words[ours], corner) / hypervolume(truth, true_words, corner)
        rows.append((one.network, str(len(theirs)), str(len(ours)), f"{100 * overlap:.0f} %", f"{volume:.4f}"))
    header = ("network", "designs in the true set", "in the model's", "overlap", "hypervolume ratio")
    findings.table("Pareto sets of total cycles and DRAM words", header, rows)


def _pair_table(samples: Sequence[Sample], findings: Findings) -> None:
    counts = np.zeros(len(EDGES))
    alike = np.zeros(len(EDGES))
    for one in samples:
        for i, (count, share) in enumerate(pairs_alike(*one.totals("total_cycles"), EDGES)):
            counts[i] += count
            alike[i] += count * share
    ends = [f"up to {100 * high:.0f} %" for high in EDGES[1:]] + [f"over {100 * EDGES[-1]:.0f} %"]
    rows = [
        (end, f"{int(count):,}", *_percent(same / max(count, 1)))
        for end, count, same in zip(ends, counts, alike, strict=True)
    ]
    rows.append(("all", f"{int(counts.sum()):,}", *_percent(alike.sum() / max(counts.sum(), 1))))
    header = ("apart", "pairs", "ordered alike")
    findings.table("Pairs of designs, by how far apart their total cycles are", header, rows)


def _bandwidth_table(samples: Sequence[Sample], findings: Findings) -> None:
    """Say how far the least bandwidth without stalls is off, which is searched for and so known of fewer points."""
    ours, theirs = (np.concatenate([one.least_bandwidths[side] for one in samples]) for side in range(2))
    finite = np.isfinite(ours) & np.isfinite(theirs)
    ratio = ours[finite] / theirs[finite]
    size = np.maximum(ratio, 1 / ratio) - 1
    row = (
        f"{len(ours):,}", f"{np.sum(np.isfinite(ours) != np.isfinite(theirs)):,}",
        *_percent(float(np.mean(size == 0)), *(float(np.mean(size <= most)) for most in FACTORS)),
        f"{ratio.min():.2f}", f"{np.median(ratio):.2f}", f"{ratio.max():.2f}",
    )  # fmt: skip
    header = ("points", "of which stalls end by one only", "equal", *(f"within {most:.0%}" for most in FACTORS),
              "lowest ratio", "median", "highest")  # fmt: skip
    findings.table("Least bandwidth without stalls: the model's over the simulator's", header, [row])


def _worst_table(samples: Sequence[Sample], findings: Findings) -> None:
    """Name the families of points with the largest errors of total cycles."""
    families: dict[str, list[float]] = {}
    for one in samples:
        size = np.abs(one.estimate["total_cycles"] / one.truth["total_cycles"] - 1)
        for i, layer in enumerate(one.layers):
            for j, machine in enumerate(one.machines):
                limited = machine.interface_bandwidth == "USER"
                for family in (
                    f"dataflow {machine.dataflow}", f"variant {machine.variant}", f"type {layer.type}",
                    f"ports {machine.dram_ports}" if limited else "unlimited channel",
                    f"latency {machine.dram_latency_cycles}", f"ActiveFraction {machine.active_fraction}",
                ):  # fmt: skip
                    families.setdefault(family, []).append(float(size[i, j]))
    rows = [
        (name, f"{len(found):,}", *_percent(float(np.mean(found)), float(np.quantile(found, 0.95))))
        for name, found in sorted(families.items(), key=lambda item: -float(np.mean(item[1])))
    ]
    header = ("family", "points", "mean error", "95th")
    findings.table("Total cycles, by family of points", header, rows)


def bounds(samples: Sequence[Sample], regret: dict[str, Numbers], judged: bool) -> list[Bound]:
    """Return what was set out beside what was reached."""
    exact = np.concatenate(
        [np.all([one.estimate[metric] == one.truth[metric] for metric in DRAM], axis=0).ravel() for one in samples]
    )
    total = errors(*joined(samples, "total_cycles"))
    lowest = min(kendall_tau(*one.totals("total_cycles")) for one in samples)
    chosen = np.concatenate(list(regret.values()))
    scratchpads = max(errors(*joined(samples, metric)).mean for metric in SRAM)
    faster = min(one.times_faster for one in samples)

    def most(name: str, reached: float, limit: float, always: bool = False) -> Bound:
        return Bound(name, reached, limit, form="{:.2%}", judged=judged or always)

    def least(name: str, reached: float, limit: float, form: str = "{:.2%}") -> Bound:
        return Bound(name, reached, limit, at_least=True, form=form, judged=judged)

    return [
        # What is exact is so for any sample.
        most("compute cycles, mean error", errors(*joined(samples, "compute_cycles")).mean, 0.0, always=True),
        most("SRAM words, largest mean error of a stream", scratchpads, 0.0, always=True),
        least("DRAM words exact in every stream, share of points", float(exact.mean()), 0.90),
        most("DRAM words, mean error", errors(*joined(samples, *DRAM)).mean, 0.02),
        most("total cycles, mean error", total.mean, 0.03),
        most("total cycles, 95th percentile of errors", total.p95, 0.10),
        least("Kendall tau, lowest network", lowest, 0.98, "{:.4f}"),
        least("best design within 1 %, share of choices", float(np.mean(chosen <= 0.01)), 0.95),
        least("times faster than simulating, lowest network", faster, FASTER, "{:,.0f}"),
    ]
