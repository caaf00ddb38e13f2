#!/usr/bin/env python3
"""Price and five greeks of the `pricing` bench in numpy and scipy, in turns with Alula.

    pip install numpy scipy
    python3 engine/bench/peers/option_greeks.py [rounds]

The same 18 expiries of 200 calls as `benches/pricing.rs`; the sums of the prices are compared first. Then numpy (whole arrays, one
thread) and Alula, through `cargo bench -p alula-bench --bench pricing -- alone`, run in turns (a built bench may be named in
ALULA_BENCH). What counts is numpy's time divided by Alula's in the same round: median, least, greatest. Times are processor time.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import subprocess
import sys
import time

import numpy as np
from scipy.special import ndtr

DAYS = [1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 540, 730]
FORWARD, RATE = 5_000.0, 0.045


def market():
    strikes = np.tile(2_500.0 + 25.0 * np.arange(200), len(DAYS))
    years = np.repeat(np.array(DAYS) / 365.0, 200)
    x = np.log(strikes / FORWARD) / np.sqrt(years)
    return strikes, years, np.clip(0.15 - 0.08 * x + 0.1 * x * x, 0.08, 1.2)


def greeks(strikes, years, vols):
    root = np.sqrt(years)
    discount = np.exp(-RATE * years)
    total = vols * root
    d1 = np.log(FORWARD / strikes) / total + 0.5 * total
    n1 = ndtr(d1)
    density = discount * np.exp(-0.5 * d1 * d1) / np.sqrt(2 * np.pi)
    price = discount * (FORWARD * n1 - strikes * ndtr(d1 - total))
    vega = FORWARD * density * root / 100
    theta = (RATE * price - FORWARD * density * vols / (2 * root)) / 365
    return price, discount * n1, density / (FORWARD * total), vega, theta, -years * price / 100


def alula():
    built = os.environ.get("ALULA_BENCH")
    command = [built] if built else ["cargo", "bench", "-q", "-p", "alula-bench", "--bench", "pricing", "--"]
    out = subprocess.run([*command, "alone"], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        if line.startswith("alone greeks "):
            nanoseconds, prices = line.split()[2:4]
            return float(nanoseconds), float(prices)
    sys.exit("the bench printed no line `alone greeks`:\n" + out)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    columns = market()
    want = greeks(*columns)[0].sum()
    ratios, own, theirs = [], [], []
    for _ in range(rounds):
        nanoseconds, prices = alula()
        if abs(prices / want - 1) > 1e-12:
            sys.exit(f"the prices differ: {prices} and {want}")
        start, calls = time.process_time(), 0
        while time.process_time() - start < 0.3:
            greeks(*columns)
            calls += 1
        numpy_ns = (time.process_time() - start) / calls / len(columns[0]) * 1e9
        own.append(nanoseconds)
        theirs.append(numpy_ns)
        ratios.append(numpy_ns / nanoseconds)
    print(f"Alula {statistics.median(own):.1f} ns/option, numpy and scipy {statistics.median(theirs):.1f}")
    print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) over {rounds} rounds")


main()
