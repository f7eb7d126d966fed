"""Everything that is compiled. Only this package imports Numba; it imports nothing else of cyclesim.

Arrays and integers go in, arrays are filled. Each kernel's meaning is written down plainly in its twin under
`tests/reference/`. Compiled code is kept on disk beside the sources, or in the user's cache folder, or, where
neither can be written, in a folder for temporary files.
"""

import os
import tempfile
from pathlib import Path


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _choose_cache_folder() -> None:
    """Point Numba at a folder for temporary files if it would find none that can be written."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    beside = Path(__file__).resolve().parent / "__pycache__"
    if _writable(beside) or _writable(Path(os.path.expanduser("~")) / ".cache"):
        return
    user = os.getuid() if hasattr(os, "getuid") else "all"
    os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"cyclesim-kernels-{user}")


_choose_cache_folder()

IDLE = -1
"""What a port that carries no request shows."""
