"""Nothing here is large enough for a second thread of BLAS, and one that waits takes a core from the others."""

import os
import subprocess
import sys


def test_the_embedder_has_numpy_with_one_thread() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    code = "import chatsphere.services.ai.embedder_server, os; print(os.environ['OPENBLAS_NUM_THREADS'], len(os.listdir('/proc/self/task')))"
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "1"]
