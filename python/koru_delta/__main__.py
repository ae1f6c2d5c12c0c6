"""The command line of koru: `koru`, and `python -m koru_delta`."""

from __future__ import annotations

import signal
import sys

from ._koru import _run_command_line


def main() -> int:
    """Runs the command line of this process, and returns its exit code."""
    # The engine works without the interpreter, which would wait for it before it looks at Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _run_command_line(["koru", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
