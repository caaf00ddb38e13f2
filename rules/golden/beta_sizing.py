"""Dollar betas and sizes that `hedge_beta.test.yaml` expects, computed apart from Alula.

Black-76 on the flat smiles of that file without rates, actual days over 365, without the rounding of quotes to ticks, which
moves the beta of the condor by one per cent and no size by a lot. The beta of VX is cov/var of one-session simple returns over the 60 sessions before, by numpy. Dollar betas add:
a layer's marginal contribution is its own over the sum of the book's. python3 beta_sizing.py (needs numpy)
"""

from datetime import date, datetime
from math import erf, exp, log, sqrt

import numpy as np

TICK = (15, 45)


def cdf(x):
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def years(now, expiry, hour, minute):
    return (datetime(*expiry.timetuple()[:3], hour, minute) - datetime(*now.timetuple()[:3], *TICK)).total_seconds() / (365.0 * 86400)


def delta(right, forward, strike, vol, t):
    d1 = (log(forward / strike) + vol * vol * t / 2) / (vol * sqrt(t))
    return cdf(d1) if right == "C" else cdf(d1) - 1.0


def nearest(right, forward, vol, t, want, strikes):
    return min(strikes, key=lambda k: abs(abs(delta(right, forward, k, vol, t)) - want))


# The market of the cases, one value a session from 2024-01-16 on, and the 61 sessions before.
SESSIONS = [date(2024, 1, d) for d in (16, 17, 18, 19, 22, 23, 24)]
SPX = [4500, 4500, 4350, 4350, 4350, 4500, 4500]
VIX = [16, 16, 20, 20, 20, 16, 16]
VX1 = [15, 15, 16.5, 16.5, 16.5, 15, 15]
BEFORE = ([4500, 4545] * 31)[:61], ([15, 14.5] * 31)[:61]
LOTS, VOL, VIX_VOL, VX4, AT = 4, 0.16, 0.90, 17.5, 15
EXPIRY, CALLS, MONTH_4 = date(2024, 3, 1), date(2024, 2, 14), date(2024, 5, 22)


def measured(step):
    """Beta of VX at a step's tick: the closes of the sessions before it, 60 returns."""
    closes = [np.array(list(before) + list(now[:step]), float)[-61:] for before, now in zip(BEFORE, (SPX, VX1))]
    x, y = (np.diff(c) / c[:-1] for c in closes)
    return np.cov(y, x, ddof=1)[0, 1] / np.var(x, ddof=1)


def main():
    t = years(SESSIONS[0], EXPIRY, 16, 0)
    grid = range(3000, 6500, 5)
    put, call = (nearest(right, SPX[0], VOL, t, 0.16, grid) for right in "PC")
    legs = [("P", put, -1), ("P", put - 50, 1), ("C", call, -1), ("C", call + 50, 1)]
    print("condor:", legs)
    bought = None
    for step, now in enumerate(SESSIONS):
        spot, vix, b = SPX[step], VIX[step], measured(step)
        t = years(now, EXPIRY, 16, 0)
        core = LOTS * sum(r * delta(right, spot, k, VOL, t) for right, k, r in legs) * spot * 100
        tv, days = years(now, CALLS, 9, 30), (CALLS - now).days
        strike = bought or nearest("C", vix, VIX_VOL, tv, 0.30, [k / 2 for k in range(20, 120)])
        if core > 62_500 and bought is None:
            bought = strike
        counted = b * exp(-4 * (days - AT) / 365)
        one_call = delta("C", vix, strike, VIX_VOL, tv) * vix * 100 * counted
        one_future = VX4 * 1000 * b * exp(-4 * ((MONTH_4 - now).days - AT) / 365)
        print(
            f"step {step + 1} {now}: beta of VX {b:.4f}, C{strike} at {counted:.4f}; core ${core:,.0f}, a call ${one_call:,.0f}, a future "
            f"${one_future:,.0f}; 20 % are {0.2 * core / -one_call:.2f} calls, 50 % {0.5 * core / -one_future:.2f} futures; "
            f"11 calls and 2 futures: {11 * one_call + 2 * one_future:,.0f} of {11 * one_call + 2 * one_future + core:,.0f} in all"
        )


main()
