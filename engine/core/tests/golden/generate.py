"""Golden vectors for the indicators, from sources that share no code with the engine.

    pip install TA-Lib==0.8.2 numpy==2.4.6 mpmath==1.3.0
    python generate.py

TA-Lib (the C library, through its Python wrapper): RSI, EMA, SMA, MACD, ATR, Bollinger.
mpmath, 50 digits, straight from the definitions: everything else.
numpy: quantile (its default, Hyndman-Fan type 7) and the seeded walk.

The prices are simulated: a seeded random walk with a flat start (RSI without gain or loss), a strictly rising stretch
(RSI without loss), a flat stretch, and missing bars (empty fields). An indicator sees the bars on which all of its inputs
are known; its value stands on that bar, and missing bars stay empty.
"""

import csv
import math

import mpmath as mp
import numpy as np
import talib

mp.mp.dps = 50
BARS = 240
rng = np.random.default_rng(20190425)


def walk():
    """Rows of open, high, low, close, other; None where missing."""
    rows, close, other = [], 3000.0, 16.0
    for i in range(BARS):
        gap = rng.normal(0.0, 6.0)
        moves = rng.normal(0.0, 9.0, 8)
        o = close + gap
        if i < 20 or 120 <= i < 150:
            o = high = low = close
        elif 20 <= i < 36:
            o, high, low, close = close + 1.25, close + 9.5, close + 0.75, close + 6.5
        else:
            path = o + np.cumsum(moves)
            high, low, close = max(o, *path), min(o, *path), path[-1]
        other = max(9.0, other - 0.08 * gap + rng.normal(0.0, 0.5))
        rows.append([round(float(x), 2) for x in (o, high, low, close, other)])
    for i in range(50, BARS, 23):
        rows[i] = [None] * 5  # a missing bar
    rows[77][1] = None  # a high alone
    rows[90][4] = None  # the other series alone
    rows[200] = [None] * 5
    rows[201] = [None] * 5
    return rows


rows = walk()
OPEN, HIGH, LOW, CLOSE, OTHER = range(5)


def on(inputs, f):
    """`f` over the bars on which all `inputs` are known, put back in place. `f` takes lists and gives lists of columns."""
    known = [i for i in range(BARS) if all(rows[i][c] is not None for c in inputs)]
    columns = f(*[[rows[i][c] for i in known] for c in inputs])
    out = []
    for column in columns:
        placed = [None] * BARS
        for i, value in zip(known, column):
            if value is not None and not (isinstance(value, float) and math.isnan(value)):
                placed[i] = value
        out.append(placed)
    return out


def arrays(f):
    """A TA-Lib function on lists."""

    def call(*lists):
        result = f(*[np.array(x, dtype=float) for x in lists])
        result = result if isinstance(result, tuple) else (result,)
        return [[float(v) for v in r] for r in result]

    return call


def rolling(n, f, extra=0):
    """`f` of the last n (+ extra) bars of each list; None while there are too few or f gives None."""

    def call(*lists):
        size = n + extra
        out = []
        for i in range(len(lists[0])):
            out.append(f(*[x[i - size + 1 : i + 1] for x in lists]) if i + 1 >= size else None)
        return [out]

    return call


def m(x):
    return mp.mpf(x)  # exact: the double's own value


def mean(xs):
    return mp.fsum(xs) / len(xs)


def var(xs):
    mu = mean(xs)
    return mp.fsum((x - mu) ** 2 for x in xs) / (len(xs) - 1)


def stdev(xs):
    return float(mp.sqrt(var([m(x) for x in xs])))


def zscore(xs):
    xs = [m(x) for x in xs]
    sd = mp.sqrt(var(xs))
    return float((xs[-1] - mean(xs)) / sd) if sd > 0 else None


def percentile_rank(xs):
    return sum(x <= xs[-1] for x in xs) / len(xs)


def log_returns(xs):
    return [mp.log(m(b) / m(a)) for a, b in zip(xs, xs[1:])]


def simple_returns(xs):
    return [m(b) / m(a) - 1 for a, b in zip(xs, xs[1:])]


def cov(xs, ys):
    mx, my = mean(xs), mean(ys)
    return mp.fsum((x - mx) * (y - my) for x, y in zip(xs, ys)) / (len(xs) - 1)


def pearson(xs, ys):
    scale = mp.sqrt(var(xs) * var(ys))
    return float(cov(xs, ys) / scale) if scale > 0 else None


def correlation(xs, ys):
    return pearson(log_returns(xs), log_returns(ys))


def level_correlation(xs, ys):
    return pearson([m(x) for x in xs], [m(y) for y in ys])


def beta(ys, xs):
    ys, xs = simple_returns(ys), simple_returns(xs)
    return float(cov(ys, xs) / var(xs)) if var(xs) > 0 else None


def divergence(min_z):
    def slope(xs):
        ts = [m(i) for i in range(len(xs))]
        return cov(ts, xs) / var(ts)

    def moved(xs):
        changes = [b - a for a, b in zip(xs, xs[1:])]
        return abs(xs[-1] - xs[0]) >= m(min_z) * mp.sqrt(var(changes)) * mp.sqrt(len(xs))

    def f(xs, ys):
        xs, ys = [m(x) for x in xs], [m(y) for y in ys]
        return int(slope(xs) * slope(ys) < 0 and moved(xs) and moved(ys))

    return f


def annual(v):
    return float(100 * mp.sqrt(252 * v))


def close_close(o, h, l, c):
    return annual(var(log_returns(c)))


def parkinson(o, h, l, c):
    return annual(mp.fsum(mp.log(m(a) / m(b)) ** 2 for a, b in zip(h, l)) / (4 * len(o) * mp.log(2)))


def garman_klass(o, h, l, c):
    # Garman and Klass 1980, the "practical" estimator.
    terms = [
        mp.mpf("0.5") * mp.log(m(hi) / m(lo)) ** 2 - (2 * mp.log(2) - 1) * mp.log(m(cl) / m(op)) ** 2
        for op, hi, lo, cl in zip(o, h, l, c)
    ]
    return annual(mean(terms))


def rs_terms(o, h, l, c):
    # Rogers and Satchell 1991.
    return [
        mp.log(m(hi) / m(cl)) * mp.log(m(hi) / m(op)) + mp.log(m(lo) / m(cl)) * mp.log(m(lo) / m(op))
        for op, hi, lo, cl in zip(o, h, l, c)
    ]


def rogers_satchell(o, h, l, c):
    return annual(mean(rs_terms(o, h, l, c)))


def yang_zhang(o, h, l, c):
    # Yang and Zhang 2000; the first bar gives only its close.
    n = len(o) - 1
    overnight = [mp.log(m(b) / m(a)) for a, b in zip(c, o[1:])]
    day = [mp.log(m(b) / m(a)) for a, b in zip(o[1:], c[1:])]
    rs = mean(rs_terms(o[1:], h[1:], l[1:], c[1:]))
    k = mp.mpf("0.34") / (mp.mpf("1.34") + mp.mpf(n + 1) / (n - 1))
    return annual(var(overnight) + k * var(day) + (1 - k) * rs)


def quantile(q):
    return lambda xs: float(np.quantile(np.array(xs), q))


OHLC = (OPEN, HIGH, LOW, CLOSE)
columns = {}


def add(names, inputs, f):
    for name, column in zip(names.split(), on(inputs, f)):
        columns[name] = column


add("rsi_14", (CLOSE,), arrays(lambda x: talib.RSI(x, 14)))
add("rsi_2", (CLOSE,), arrays(lambda x: talib.RSI(x, 2)))
add("ema_10", (CLOSE,), arrays(lambda x: talib.EMA(x, 10)))
add("sma_20", (CLOSE,), arrays(lambda x: talib.SMA(x, 20)))
add("macd_line macd_signal macd_histogram", (CLOSE,), arrays(lambda x: talib.MACD(x, 12, 26, 9)))
add("atr_14", (HIGH, LOW, CLOSE), arrays(lambda h, l, c: talib.ATR(h, l, c, 14)))
add("bollinger_upper bollinger_middle bollinger_lower", (CLOSE,), arrays(lambda x: talib.BBANDS(x, 20, 2.0, 2.0)))
add("stdev_20", (CLOSE,), rolling(20, stdev))
add("zscore_20", (CLOSE,), rolling(20, zscore))
add("percentile_rank_30", (CLOSE,), rolling(30, percentile_rank))
add("quantile_30_80", (CLOSE,), rolling(30, quantile(0.8)))
add("highest_10", (CLOSE,), rolling(10, max))
add("lowest_10", (CLOSE,), rolling(10, min))
add("lag_5", (CLOSE,), rolling(5, lambda x: x[0], 1))
add("change_5", (CLOSE,), rolling(5, lambda x: x[-1] - x[0], 1))
add("correlation_20", (CLOSE, OTHER), rolling(20, correlation, 1))
add("level_correlation_20", (CLOSE, OTHER), rolling(20, level_correlation))
add("beta_20", (OTHER, CLOSE), rolling(20, beta, 1))
add("divergence_10", (CLOSE, OTHER), rolling(10, divergence(0.5)))
add("rv_close_close_20", (CLOSE,), rolling(20, lambda c: close_close(c, c, c, c), 1))
add("rv_parkinson_20", OHLC, rolling(20, parkinson))
add("rv_garman_klass_20", OHLC, rolling(20, garman_klass))
add("rv_rogers_satchell_20", OHLC, rolling(20, rogers_satchell))
add("rv_yang_zhang_20", OHLC, rolling(20, yang_zhang, 1))


def write(name, table):
    with open(name, "w", newline="") as f:
        f.write("# simulated data; written by generate.py: TA-Lib %s, numpy %s, mpmath %s\n"
                % (talib.__version__, np.__version__, mp.__version__))
        out = csv.writer(f, lineterminator="\n")
        out.writerow(table)
        for values in zip(*table.values()):
            out.writerow("" if v is None else repr(v) for v in values)


prices = {name: [row[i] for row in rows] for i, name in enumerate(["open", "high", "low", "close", "other"])}
write("prices.csv", prices)
write("indicators.csv", columns)

# Numerical stability: level 1e9, standard deviation 1.
high = [float(x) for x in np.round(1e9 + rng.normal(0.0, 1.0, 400), 6)]
rows = [[None, None, None, x, None] for x in high]
BARS = len(high)
columns = {"level": high}
add("stdev_20", (CLOSE,), rolling(20, stdev))
add("zscore_20", (CLOSE,), rolling(20, zscore))
add("level_correlation_20", (CLOSE, CLOSE), rolling(20, lambda x, y: level_correlation(x[:-1], y[1:]), 1))
write("level.csv", columns)
