"""Checks of run folders, apart from Alula: what a layer made is what its trades paid, layers add up to their hedge, hedges, cores and
overlays to the book, and cash to the flows, to the micro-dollar, at all three fills. Standard library alone:
python3 conservation.py RUN...
"""

import csv
import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

BANDS = ["natural", "share", "mid"]


def rows(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def main(folders):
    sessions, trades, broken = 0, 0, 0
    for folder in map(Path, folders):
        daily, positions = rows(folder / "daily.csv"), rows(folder / "positions.csv")
        manifest = json.loads((folder / "manifest.json").read_text())
        capital = Decimal(manifest["settings"]["capital"].lstrip("$"))
        sessions += len(daily)
        trades += len(positions)
        flows = rows(folder / "trades.csv") + rows(folder / "linear.csv")
        for band in BANDS:
            owners, traded, still = defaultdict(Decimal), defaultdict(Decimal), set()
            for p in positions:
                owners[p["structure"]] += Decimal(p[f"pnl_{band}_usd"])
                if not p["closed_by"]:
                    still.add(p["structure"])
            for flow in flows:
                traded[flow["structure"]] += Decimal(flow[f"cash_{band}_usd"]) - Decimal(flow["fees_usd"])
            hedges = defaultdict(Decimal)
            for name, pnl in owners.items():
                hedges[name.split(".")[0]] += pnl
            made = Decimal(daily[-1][f"equity_{band}_usd"]) - capital
            cash = Decimal(daily[-1][f"cash_{band}_usd"]) - capital
            # What a layer made is what its trades paid, once nothing of it is open.
            for name, pnl in owners.items():
                if name not in still and pnl != traded[name]:
                    print(f"{folder} {band}: {name} made {pnl}, its trades paid {traded[name]}")
                    broken += 1
            if made != sum(hedges.values()):
                print(f"{folder} {band}: the book made {made}, hedges and cores {sum(hedges.values())}")
                broken += 1
            if cash != sum(traded.values()):
                print(f"{folder} {band}: cash moved by {cash}, trades by {sum(traded.values())}")
                broken += 1
    print(f"{len(folders)} runs, {sessions / 252:.0f} years, {trades} positions: {broken} sums differ")
    return broken > 0


sys.exit(main(sys.argv[1:]))
