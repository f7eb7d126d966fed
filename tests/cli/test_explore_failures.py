"""`cyclesim explore` where it cannot write, was killed, or finds somebody else's files: nothing looks complete."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from cyclesim import command_explore
from cyclesim.explore import figures, parts
from cyclesim.explore.h5file import NewFile
from cyclesim.explore.parts import Column, Parts
from tests.cli.conftest import CommandLine
from tests.cli.test_explore import SPACE, same_points

WORDS = ("explore", "space.toml", "--format", "csv", "-p")


@pytest.fixture(autouse=True)
def _space(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    (cyclesim.folder / "space.toml").write_text(SPACE, encoding="utf-8")
    monkeypatch.setattr(command_explore, "FEW_BLOCKS", 10_000)
    if "draws" not in request.keywords:
        monkeypatch.setattr(command_explore, "draw", lambda *arguments: None)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let the system refuse what would make a file longer, as it does where a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def kept_parts(folder: Path) -> list[Path]:
    return sorted((folder / ".points/points").glob("*.h5"))


@pytest.mark.parametrize("where", ["in a part", "in points.h5"])
def test_a_full_disk_is_one_line_and_leaves_nothing_that_looks_complete(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 64)
    monkeypatch.setattr(command_explore, "MODEL_ROWS", 32)
    sizes: list[int] = []
    finish = parts._Part.finish

    def measured(part: parts._Part) -> None:
        finish(part)
        sizes.append(part._path.stat().st_size)

    with monkeypatch.context() as patch:
        patch.setattr(parts._Part, "finish", measured)
        assert cyclesim(*WORDS, "whole").status == 0
    whole = (cyclesim.folder / "whole/points.h5").stat().st_size
    assert max(sizes) < whole
    with no_file_above(min(sizes) // 2 if where == "in a part" else (max(sizes) + whole) // 2):
        said = cyclesim(*WORDS, "out")
    assert said.status == 1
    assert said.err == "cyclesim: failed: File too large; finished points are kept, and --resume goes on\n"
    assert names(cyclesim.folder / "out") == {".points"}
    assert len(kept_parts(cyclesim.folder / "out")) == (0 if where == "in a part" else len(sizes))
    assert not list((cyclesim.folder / "out").rglob("*.tmp"))
    assert cyclesim(*WORDS, "out", "--resume").status == 0
    assert names(cyclesim.folder / "out") == names(cyclesim.folder / "whole")
    for name in ("points.csv", "pareto.csv"):
        assert (cyclesim.folder / "out" / name).read_bytes() == (cyclesim.folder / "whole" / name).read_bytes()
    same_points(cyclesim.folder / "out/points.h5", cyclesim.folder / "whole/points.h5")


def test_a_file_that_could_not_be_written_says_so_when_it_is_closed(tmp_path: Path) -> None:
    with no_file_above(10_000):
        file = NewFile(tmp_path / "a.h5", 1 << 10)
        file.h5.create_dataset("numbers", data=np.random.default_rng(0).random(10_000))
        with pytest.raises(OSError, match="File too large"):
            file.close()
        file = NewFile(tmp_path / "b.h5", 1 << 10)
        file.h5.create_dataset("numbers", data=np.random.default_rng(0).random(10_000))
        file.give_up()
    file = NewFile(tmp_path / "c.h5", 1 << 10)
    file.h5.create_dataset("numbers", data=np.arange(10_000))
    file.close()
    with h5py.File(tmp_path / "c.h5") as found:
        np.testing.assert_array_equal(found["numbers"][:], np.arange(10_000))


def test_what_a_killed_exploration_left_is_removed_and_other_files_stay(cyclesim: CommandLine) -> None:
    out = cyclesim.folder / "out"
    (out / "figures").mkdir(parents=True)
    killed = [".points.h5.123.tmp", ".pareto.csv.99.tmp", ".points.lock"]
    killed += ["figures/.keys.pdf.7.tmp", "figures/.pareto-energy_pj_dram-tops-zoom.svg.7.tmp"]
    mine = ["notes.txt", ".hidden.tmp", ".notes.txt.12.tmp", ".points.h5.old.tmp"]
    mine += ["figures/pareto.pdf.bak", "figures/photo.png", "figures/.photo.png.7.tmp", "figures/.keys.pdf.old.tmp"]
    for name in (*killed, *mine):
        (out / name).touch()
    assert cyclesim(*WORDS, "out").status == 0
    assert not [name for name in killed if (out / name).exists()]
    assert all((out / name).exists() for name in mine)


def test_an_earlier_exploration_is_gone_before_the_next_one_writes(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of two explorations never lie side by side, even if the second one cannot be written."""
    assert cyclesim(*WORDS, "out", "--evaluate", "refine").status == 0
    (cyclesim.folder / "space.toml").write_text(SPACE.replace("<= 100", "<= 90"), encoding="utf-8")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Parts, "join", full)
    said = cyclesim(*WORDS, "out")
    assert (said.status, names(cyclesim.folder / "out")) == (1, {".points"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("figures", "out/figures is a file, and the exploration makes a folder of that name"),
        (".points", "out/.points is a file, and the exploration makes a folder of that name"),
        ("points.h5/", "out/points.h5 is a folder, and the exploration writes that file"),
        ("simulated.csv/", "out/simulated.csv is a folder, and the exploration writes that file"),
    ],
)
def test_what_stands_in_the_way_is_said_before_anything_is_evaluated(
    cyclesim: CommandLine, name: str, said: str
) -> None:
    place = cyclesim.folder / "out" / name.rstrip("/")
    place.parent.mkdir()
    if name.endswith("/"):
        place.mkdir()
    else:
        place.touch()
    found = cyclesim(*WORDS, "out")
    assert (found.status, found.err) == (2, f"cyclesim: -p: {said}\n")
    assert [path.name for path in (cyclesim.folder / "out").iterdir()] == [place.name]


@pytest.mark.parametrize("more", [(), ("--resume",)])
@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("/proc/out", "-p: /proc/out cannot be written to: No such file or directory"),
        ("/proc/out/a/b", "-p: /proc/out/a/b cannot be written to: No such file or directory"),
        ("net.csv", "-p: net.csv is not a folder"),
        ("net.csv/a/b", "-p: net.csv is not a folder"),
    ],
)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc, in which nobody can make a folder")
def test_an_out_that_cannot_be_written_is_named_with_the_reason(
    cyclesim: CommandLine, out: str, said: str, more: tuple[str, ...]
) -> None:
    before = names(cyclesim.folder)
    found = cyclesim(*WORDS, out, *more)
    assert (found.status, found.out, found.err) == (2, "", f"cyclesim: {said}\n")
    assert names(cyclesim.folder) == before


@pytest.mark.draws
def test_a_figure_that_cannot_be_written_is_not_there(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(figure: object, path: Path, form: str) -> None:
        path.write_bytes(b"half a figure")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figures, "save", half)
    assert cyclesim(*WORDS, "out").status == 1
    assert names(cyclesim.folder / "out") == {".points", "points.h5", "points.csv", "pareto.csv", "figures"}
    assert not names(cyclesim.folder / "out/figures")


def test_parts_of_a_column_that_is_missing_are_made_again(tmp_path: Path) -> None:
    columns = [Column("a", np.dtype(np.int64)), Column("b", np.dtype(np.float64))]
    with Parts(tmp_path / "parts", columns[:1], 4) as before:
        before.begin()
        before.append({"a": np.arange(4)})
    with Parts(tmp_path / "parts", columns, 4) as after:
        after.begin()
        assert after.rows == 0
