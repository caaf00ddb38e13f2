#!/usr/bin/env python3
"""Golden values for the pricing room, from two sources that share no code with it.

    pip install mpmath==1.3.0 QuantLib==1.44
    python3 generate.py          # rewrites the three CSV files beside it

mpmath     Black-76 evaluated with 120 digits from the binary values of the inputs. The greeks are *numerical derivatives*
           of that price (central differences at 120 digits), not the textbook formulas, so a wrong formula or unit shows.
           Implied vols are roots of that price.
QuantLib   BlackCalculator (deltaForward, gammaForward, vega) and its
           implied standard deviation (blackFormulaImpliedStdDev), in double precision.

Units are those of the crate: points, vol as fraction, years, vega per vol point, theta per day (365), rho per percentage point.
"""
import csv
import pathlib
import random

import mpmath
import QuantLib as ql
from mpmath import mp, mpf

HERE = pathlib.Path(__file__).parent
mp.dps = 120


def black(right, forward, strike, years, vol, discount):
    """Discounted Black-76; every argument an mpf."""
    total = vol * mp.sqrt(years)
    d1 = mp.log(forward / strike) / total + total / 2
    d2 = d1 - total
    cdf = lambda x: mp.erfc(-x / mp.sqrt(2)) / 2
    if right == "call":
        return discount * (forward * cdf(d1) - strike * cdf(d2))
    return discount * (strike * cdf(-d2) - forward * cdf(-d1))


def central(f, x, step, order=1):
    """Central difference of fourth order; with 120 digits its error is far below a double's."""
    h = x * step
    if order == 1:
        return (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)
    return (-f(x - 2 * h) + 16 * f(x - h) - 30 * f(x) + 16 * f(x + h) - f(x + 2 * h)) / (12 * h * h)


def row(right, forward, strike, years, vol, discount):
    f, k, t, v, d = (mpf(x) for x in (forward, strike, years, vol, discount))
    rate = -mp.log(d) / t
    # The step must be small against the scale on which the price bends, s = sigma sqrt(T), even for minutes to go.
    step = mpf(10) ** -9 * min(mpf(1), v * mp.sqrt(t))
    price = black(right, f, k, t, v, d)
    delta = central(lambda x: black(right, x, k, t, v, d), f, step)
    gamma = central(lambda x: black(right, x, k, t, v, d), f, step, order=2)
    vega = central(lambda x: black(right, f, k, t, x, d), v, step) / 100
    theta = -central(lambda x: black(right, f, k, x, v, mp.e ** (-rate * x)), t, step) / 365
    # Around a rate of zero a relative step is none: shift the rate itself.
    h = mpf(10) ** -12
    at = lambda r: black(right, f, k, t, v, mp.e ** (-r * t))
    rho = (at(rate - 2 * h) - 8 * at(rate - h) + 8 * at(rate + h) - at(rate + 2 * h)) / (12 * h) / 100
    return [price, delta, gamma, vega, theta, rho]


def text(x):
    return mpmath.nstr(x, 20, min_fixed=0, max_fixed=0) if isinstance(x, mpf) else repr(x)


MINUTE = 1.0 / 525_600.0
TIMES = [MINUTE, 60 * MINUTE, 1 / 365, 7 / 365, 45 / 365, 110 / 365, 220 / 365, 1.0, 2.0]


def inputs(count, seed):
    rng = random.Random(seed)
    for i in range(count):
        forward = rng.choice([2926.17, 5000.0, 17.35, 6543.21])
        years = TIMES[i % len(TIMES)] * rng.choice([1.0, 1.0, rng.uniform(0.7, 1.4)])
        vol = rng.choice([0.05, 0.11, 0.16, 0.24, 0.45, 0.8, 1.5, rng.uniform(0.06, 1.2)])
        # Distance in standard deviations, from at the money to far wings; VIX-like forwards skew to calls.
        sds = rng.choice([0.0, 0.01, 0.5, 1.0, 2.0, 4.0, 7.0, rng.uniform(0, 9)]) * rng.choice([-1, 1])
        strike = float(forward * mp.exp(max(-3, min(3, sds * vol * mp.sqrt(years)))))
        tick = 0.5 if forward < 100 else 5.0
        rounded = round(strike / tick) * tick
        if sds == 0.0:
            strike = forward
        elif rounded > 0 and rng.random() < 0.7:
            strike = rounded
        discount = float(mp.exp(-rng.choice([0.0, 0.0242, 0.053, -0.005]) * years))
        yield rng.choice(["put", "call"]), forward, strike, years, vol, discount


def write(name, source, header, rows):
    with open(HERE / name, "w", newline="") as file:
        file.write(f"# source: {source}; made by generate.py\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows([[x if isinstance(x, str) else text(x) for x in r] for r in rows])


def mpmath_prices():
    rows = []
    for inp in inputs(540, seed=76):
        values = row(*inp)
        if values[0] > mpf(10) ** -280:
            rows.append([*inp, *values])
    write("black76_mpmath.csv", f"mpmath {mpmath.__version__}, 120 digits",
          ["right", "forward", "strike", "years", "vol", "discount", "price", "delta", "gamma", "vega", "theta", "rho"], rows)


def mpmath_vols():
    """Prices as a tape would print them, and down to 1e-8; the vol is the root at 120 digits."""
    rng = random.Random(1976)
    rows = []
    while len(rows) < 240:
        right, forward, strike, years, vol, discount = next(inputs(1, seed=rng.random()))
        years = rng.choice(TIMES[1:])
        otm = "put" if strike < forward else "call"
        price = rng.choice([1e-8, 3e-7, 1e-5, 1e-3, 0.025, 0.05, 0.4, 2.35, 17.9, 88.8])
        f, k, t, d = mpf(forward), mpf(strike), mpf(years), mpf(discount)
        if price >= 0.9 * discount * min(forward, strike):
            continue
        objective = lambda v: black(otm, f, k, t, v, d) - mpf(price)
        low, high = mpf("1e-4"), mpf(90)
        if objective(low) > 0 or objective(high) < 0:
            continue
        for _ in range(420):  # bisection to the last digit: slow, and nothing in it can go astray
            middle = mp.sqrt(low * high)
            if objective(middle) > 0:
                high = middle
            else:
                low = middle
        rows.append([otm, forward, strike, years, discount, price, mp.sqrt(low * high)])
    write("implied_vol_mpmath.csv", f"mpmath {mpmath.__version__}, bisection at 120 digits",
          ["right", "forward", "strike", "years", "discount", "price", "vol"], rows)


def quantlib():
    rows = []
    for right, forward, strike, years, vol, discount in inputs(520, seed=1440):
        kind = ql.Option.Call if right == "call" else ql.Option.Put
        sd = vol * years ** 0.5
        calculator = ql.BlackCalculator(ql.PlainVanillaPayoff(kind, strike), forward, sd, discount)
        price = calculator.value()
        otm_value = min(price, ql.blackFormula(ql.Option.Put if right == "call" else ql.Option.Call, strike, forward, sd, discount))
        if otm_value < 1e-3:  # QuantLib subtracts the two terms, so its own wings are noise
            continue
        try:
            iv = ql.blackFormulaImpliedStdDev(kind, strike, forward, price, discount, 0.0, sd, 1e-15, 1000) / years ** 0.5
        except RuntimeError:
            continue
        rows.append([right, forward, strike, years, vol, discount, price, calculator.deltaForward(),
                     calculator.gammaForward(), calculator.vega(years) / 100, iv])
    write("black76_quantlib.csv", f"QuantLib {ql.__version__}, BlackCalculator and blackFormulaImpliedStdDev",
          ["right", "forward", "strike", "years", "vol", "discount", "price", "delta", "gamma", "vega", "implied_vol"], rows)


if __name__ == "__main__":
    mpmath_prices()
    mpmath_vols()
    quantlib()
