"""Runs SCALE-Sim again on the inputs in an archive of scalesim/ and packs what it writes.

`python -m tests.golden.scalesim_remake PYTHON [NEW_ARCHIVE]`, where PYTHON is an interpreter that can import scalesim:
its version says which archive. Without a new archive the old one is replaced. To add a case, put its inputs into the
archive first.
"""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.golden.scalesim_cases import ARCHIVES, INPUT_TYPES, INPUTS, SUM, GoldenCase, cases, digest

# Their traces would be two fifths of the one archive, and nine tenths of the other.
ONLY_SUMS = (
    "os_user_16x16_medium", "ws_calc_32x32_medium",
    "os_user_4x4_negative_stalls", "os_user_4x4_bw1_next_line", "os_user_1x1_bw600", "os_user_16x16_bw1_writes",
    "ws_user_4x4_bw2_next_line", "is_calc_5x4_column_strides", "is_user_3x4_bw7_fields",
)  # fmt: skip


# The command of version 2.0.2 has no traces, its class has.
TRACED_2 = """
import sys
from scalesim.scale_sim import scalesim
gemm = sys.argv[1] == "gemm"
scalesim(verbose=False, config="run.cfg", topology="topology.csv", input_type_gemm=gemm).run_scale(top_path="out")
"""


def version_of(python: str) -> str:
    """Return the version of SCALE-Sim that an interpreter imports."""
    code = "from importlib import metadata; print(metadata.version('scalesim'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def run(python: str, version: str, case: GoldenCase) -> dict[str, bytes]:
    """Return the inputs of a case and what SCALE-Sim writes for them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in INPUTS:
            (folder / each).write_bytes(case.files[each])
        (folder / "layout.csv").write_text("SCALE-Sim wants this file and does not use it\n")
        command = ["-m", "scalesim.scale", "-c", "run.cfg", "-t", "topology.csv", "-l", "layout.csv", "-p", "out", "-i"]
        command = ["-c", TRACED_2] if version == "2.0.2" else command
        subprocess.run([python, *command, case.input_type], cwd=folder, check=True, capture_output=True)
        out = folder / "out" / case.name
        written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.csv")}
    if case.name in ONLY_SUMS:
        written = {
            name + SUM * ("TRACE" in name): digest(content) if "TRACE" in name else content
            for name, content in written.items()
        }
    return {**{each: case.files[each] for each in INPUTS}, **written}


def pack(runs: dict[str, dict[str, bytes]], input_types: dict[str, str], archive: Path) -> None:
    """Write the archive: files of one kind side by side, no dates or owners, so that equal runs give equal bytes."""
    text = "".join(f"{name},{kind}\n" for name, kind in sorted(input_types.items()))
    members = [(f"{case}/{name}", content) for case, files in runs.items() for name, content in files.items()]
    members.sort(key=lambda member: (member[0].rsplit("/", 1)[1], member[0]))
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in [(INPUT_TYPES, text.encode()), *members]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    lzma2 = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 25, "pb": 0, "lc": 4}
    archive.write_bytes(lzma.compress(raw.getvalue(), filters=[lzma2]))


def main() -> None:
    """Run all cases and pack them; say where an output is not what it was."""
    python = str(Path(shutil.which(sys.argv[1]) or sys.argv[1]).absolute())
    version = version_of(python)
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else ARCHIVES[version]
    runs = {}
    for case in cases(version):
        runs[case.name] = run(python, version, case)
        changed = sorted(name for name, content in runs[case.name].items() if case.files.get(name) != content)
        print(case.name, "as before" if not changed else f"changed: {', '.join(changed)}", flush=True)
    pack(runs, {case.name: case.input_type for case in cases(version)}, target)


if __name__ == "__main__":
    main()
