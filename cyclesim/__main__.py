"""``python -m cyclesim``."""

from cyclesim.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
