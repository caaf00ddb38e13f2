"""The bench's condor backtest in polars, eager joins, over the quotes that the bench writes.

    cargo bench -p alula-bench --bench backtest -- run --export=/some/dir
    pip install polars
    python engine/bench/peers/condor_polars.py /some/dir/quotes.parquet

Same rules: one condor a day at the listed expiry nearest to 45 days (35 to 55), short 16 and long 5 delta, decided on one day
and filled on the next at bid and ask; closed at half the credit, at twice the credit lost, or at 21 days, again filled on the
next day. Unlike Alula and the plain loop it is *given* the deltas (they solve for vols and value the greeks themselves), it
keeps no accounts by day, no orders, trace or greeks, and it does not notice that a new condor would take the opposite side of
a contract already held, so it trades some condors more. Prints processor and wall time, the best and the median of the rounds.
"""

import sys
import time

import polars as pl

ROUNDS = 7
TARGETS = {"short": 0.16, "long": 0.05}


def entries(q: pl.DataFrame) -> pl.DataFrame:
    """One row per day and leg: contract and ratio, decided that day."""
    window = q.filter((pl.col("expiry") - pl.col("day")).is_between(35, 55) & (pl.col("delta") >= 0))
    nearest = (
        window.select("day", "expiry")
        .unique()
        .with_columns(((pl.col("expiry") - pl.col("day") - 45).abs()).alias("away"))
        .sort("day", "away", "expiry")
        .group_by("day", maintain_order=True)
        .first()
        .select("day", "expiry")
    )
    chain = window.join(nearest, on=["day", "expiry"], how="inner")
    legs = []
    for name, target in TARGETS.items():
        side = (
            chain.with_columns((pl.col("delta") - target).abs().alias("away"))
            .sort("day", "is_put", "away")
            .group_by("day", "is_put", maintain_order=True)
            .first()
            .select("day", "expiry", "is_put", "strike_mills")
            .with_columns(pl.lit(-1 if name == "short" else 1, dtype=pl.Int32).alias("ratio"))
        )
        legs.append(side)
    legs = pl.concat(legs)
    whole = legs.group_by("day").len().filter(pl.col("len") == 4).select("day")
    return legs.join(whole, on="day", how="semi")


def run(q: pl.DataFrame) -> tuple[int, int, int]:
    """Condors opened, closed, and the result in mills of a point: cash, and what is open at the cost to close."""
    days = q.select("day").unique().sort("day").with_row_index("n")
    legs = entries(q).join(days, on="day").rename({"n": "decided"})
    legs = legs.with_columns((pl.col("decided") + 1).alias("filled"), pl.col("decided").alias("id"))
    quotes = q.join(days, on="day").select("n", "day", "expiry", "is_put", "strike_mills", "bid_mills", "ask_mills")
    contract = ["expiry", "is_put", "strike_mills"]
    # Every day of every leg from its fill on.
    path = legs.drop("day").join(quotes, on=contract, how="inner").filter(pl.col("n") >= pl.col("filled"))
    ratio, bid, ask = pl.col("ratio"), pl.col("bid_mills"), pl.col("ask_mills")
    take = pl.when(ratio > 0).then(-ask).otherwise(bid)
    give = pl.when(ratio > 0).then(bid).otherwise(-ask)
    can_open = (ratio > 0) | (bid > 0)
    marks = (
        path.with_columns(take.alias("take"), give.alias("give"), can_open.alias("can_open"))
        .group_by("id", "n")
        .agg(
            pl.len().alias("legs"),
            pl.col("take").sum(),
            pl.col("give").sum(),
            pl.col("can_open").all(),
            pl.col("filled").first(),
            (pl.col("expiry") - pl.col("day")).first().alias("dte"),
        )
        .filter(pl.col("legs") == 4)
        .sort("id", "n")
    )
    opened = marks.filter((pl.col("n") == pl.col("filled")) & pl.col("can_open")).select(
        "id", pl.col("take").alias("credit")
    )
    marks = marks.join(opened, on="id", how="inner")
    profit = pl.col("credit") + pl.col("give")
    asks = (profit >= pl.col("credit") * 0.5) | (-profit >= pl.col("credit") * 2.0) | (pl.col("dte") <= 21)
    asked = marks.filter(asks).group_by("id").agg(pl.col("n").min().alias("asked"))
    after = marks.join(asked, on="id", how="inner").filter(pl.col("n") > pl.col("asked")).sort("id", "n")
    closed = after.group_by("id", maintain_order=True).first().select("id", pl.col("give").alias("end"))
    last = marks.group_by("id", maintain_order=True).last().select("id", pl.col("give").alias("mark"))
    book = opened.join(closed, on="id", how="left").join(last, on="id", how="left")
    total = book.select((pl.col("credit") + pl.coalesce("end", "mark")).sum()).item()
    return opened.height, closed.height, int(total)


def main() -> None:
    path = sys.argv[1]
    loads, runs, walls, outcome = [], [], [], None
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        q = pl.read_parquet(path)
        loaded = time.process_time()
        outcome = run(q)
        done = time.process_time()
        loads.append(loaded - cpu)
        runs.append(done - loaded)
        walls.append(time.perf_counter() - wall)
    show = lambda name, xs: print(f"  {name:<40} {min(xs) * 1e3:8.1f} {sorted(xs)[len(xs) // 2] * 1e3:8.1f} ms")
    print(f"polars {pl.__version__}, {pl.thread_pool_size()} threads, {q.height} rows: opened, closed, mills {outcome}")
    print(f"  {'':<40} {'best':>8} {'median':>8}")
    show("load, processor time", loads)
    show("run, processor time", runs)
    show("load and run, processor time", [a + b for a, b in zip(loads, runs)])
    show("load and run, wall", walls)


if __name__ == "__main__":
    main()
