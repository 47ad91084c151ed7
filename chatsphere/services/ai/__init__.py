"""Models: what they cost is numbers in small matrices, for which a second thread of BLAS only waits, at full speed, for 20 ms each time."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read by numpy when it is imported first
