#!/usr/bin/env python3
"""The rules of the `rules` bench in numpy and polars, in turns with Alula.

    pip install numpy polars
    python3 engine/bench/peers/batch_rules.py [rounds]

Draws the same rules and the same market from the same seeds as `benches/rules/rule.rs` (splitmix64) and counts the verdicts
that hold; the bench prints the same count. Then each contestant runs once in each round: numpy over whole columns and over
pieces that fit a cache, polars with one `select` on one thread, and Alula through
`cargo bench -p alula-bench --bench rules -- alone`, which is started anew in every round (a built bench may be named in
ALULA_BENCH). What counts is the time divided by
Alula's in the same round: median, least, greatest. Times are processor time.
"""

import os

os.environ["POLARS_MAX_THREADS"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import re
import statistics
import subprocess
import sys
import time

import numpy as np
import polars as pl

INPUTS, TICKS, RULES = 20, 102_400, 200
PIECE = 4_096
MASK = (1 << 64) - 1


class Draw:
    """splitmix64, as in the bench."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self, lo, hi):
        return lo + (hi - lo) * ((self.next() >> 11) / float(1 << 53))

    def below(self, n):
        return self.next() % n


def market():
    draw, columns = Draw(0x0A1B), []
    for _ in range(INPUTS):
        level, column = draw.uniform(90.0, 110.0), np.empty(TICKS)
        for i in range(TICKS):
            level += draw.uniform(-1.0, 1.0) + 0.002 * (100.0 - level)
            level = min(max(level, 50.0), 150.0)
            column[i] = level
        columns.append(column)
    return columns


def short(x):
    # Halves away from zero, as Rust rounds; all are positive.
    return np.floor(x * 1e4 + 0.5) / 1e4


def rules():
    draw, out = Draw(0x5EED), []
    for i in range(RULES):
        inputs = [draw.below(INPUTS) for _ in range(6)]
        bounds = [(80.0, 120.0)] * 3 + [(0.01, 0.2), (0.9, 1.1), (0.9, 1.1), (0.5, 10.0)]
        out.append((i % 8, inputs, [float(short(draw.uniform(*b))) for b in bounds]))
    return out


# The bench's shapes; numpy arrays and polars columns are written alike.
SHAPES = [
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: (a > k) & (b < l),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: ((a - b) / c > r) & (d < l),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: (a * t + b > c * 2.0) & ((d < l) | (e >= m)),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: (a - b > r * c) | ~(d > l),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: ((a + b) / (c + d) > t) & (e <= l),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: (a / b > t) & (c / d < u) & (e > f),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: (a + v > b) & (c < l),
    lambda a, b, c, d, e, f, k, l, m, r, t, u, v: (a * t > b) | (c - d < v),
]


def numpy_whole(rules, columns):
    return [SHAPES[s](*(columns[i] for i in inputs), *k) for s, inputs, k in rules]


def numpy_pieces(rules, columns):
    for start in range(0, TICKS, PIECE):
        verdicts = numpy_whole(rules, [c[start : start + PIECE] for c in columns])
    return verdicts


def timed(work):
    start = time.process_time()
    result = work()
    return (time.process_time() - start) * 1e9 / (RULES * TICKS), result


def alula():
    built = os.environ.get("ALULA_BENCH")
    command = [built] if built else "cargo bench -q -p alula-bench --bench rules --".split()
    text = subprocess.run([*command, "alone"], capture_output=True, text=True, check=True).stdout
    first = text[: text.find("\n20 rules")] if "\n20 rules" in text else text

    def of(name):
        return float(re.search(rf"^\s+{name}.*?\s+([\d.]+)\s+[\d.]+\s+\(", first, re.M).group(1))

    held = int(re.search(r"verdicts equal; (\d+) of", first).group(1))
    return of("alula, the plan's operators over columns"), of("alula, batch driver"), held


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    columns, some = market(), rules()
    frame = pl.DataFrame({f"x{i}": c for i, c in enumerate(columns)})
    of = [pl.col(f"x{i}") for i in range(INPUTS)]
    expressions = [
        SHAPES[s](*(of[i] for i in inputs), *k).alias(f"r{n}") for n, (s, inputs, k) in enumerate(some)
    ]
    ways = {
        "numpy, whole columns": lambda: numpy_whole(some, columns),
        f"numpy, {PIECE} ticks at a time": lambda: numpy_pieces(some, columns),
        "polars, one select, one thread": lambda: frame.select(expressions),
    }
    held = sum(int(v.sum()) for v in numpy_whole(some, columns))
    assert held == frame.select(expressions).sum().sum_horizontal().item()
    print(f"numpy {np.__version__}, polars {pl.__version__}; {held} of {RULES * TICKS} verdicts hold")
    times = {name: [] for name in ["Alula, operators over columns", "Alula, whole batch driver", *ways]}
    for _ in range(rounds):
        for name, work in ways.items():
            work()
            times[name].append(min(timed(work)[0] for _ in range(3)))
        sweep, driver, count = alula()
        assert count == held, f"Alula counts {count}"
        times["Alula, operators over columns"].append(sweep)
        times["Alula, whole batch driver"].append(driver)
    base = times["Alula, operators over columns"]
    for name, of_name in times.items():
        ratios = sorted(t / b for t, b in zip(of_name, base))
        middle = statistics.median(ratios)
        print(
            f"  {name:<34} {statistics.median(of_name):8.2f} ns/rule"
            f" {middle:8.2f}  ({ratios[0]:.2f}..{ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
