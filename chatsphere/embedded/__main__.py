"""``python -m chatsphere.embedded HOST PORT DATA_DIR``: the stack as a child of a program; see ``chatsphere.embedded.stack``.

Logs go to stdout. The file descriptor named in CHATSPHERE_REPORT_FD gets ``ready`` or one sentence of what is wrong.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chatsphere.config.env import ConfigurationError
from chatsphere.embedded import services
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.lifecycle import Options, run
from chatsphere.embedded.merged_log import MergedLog


def main() -> int:
    host, port, data_dir = sys.argv[1:]
    report = int(os.environ.pop("CHATSPHERE_REPORT_FD"))
    os.set_inheritable(report, False)
    log = MergedLog(sys.stdout, services.NAMES, colour=False)
    try:
        run(Options(host, int(port), Path(data_dir)), log, lambda: _tell(report, "ready"))
    except (StackError, ConfigurationError) as error:
        _tell(report, str(error))
        return 1
    return 0


def _tell(report: int, text: str) -> None:
    try:
        os.write(report, f"{text}\n".encode())
    except BrokenPipeError:
        return  # the program that asked is gone; its end is about to reach us as a signal


if __name__ == "__main__":
    sys.exit(main())
