"""Scenario returns of engine/core/tests/step.rs by scipy: the 2800/2750 put spread of 19 July 2019, spot 2900, 20 vol, no interest.

Run: python3 scenario.py
"""

from math import floor, log, sqrt

from scipy.optimize import brentq
from scipy.stats import norm

YEARS = (46 * 86400 + 15 * 60) / (365 * 86400)  # from 3 June 15:45 to the close of 19 July


def put(spot, strike, years, vol):
    if years <= 0:
        return max(strike - spot, 0)
    total = vol * sqrt(years)
    d1 = log(spot / strike) / total + total / 2
    return strike * norm.cdf(total - d1) - spot * norm.cdf(-d1)


def mid(strike):
    return max(round(put(2900, strike, YEARS, 0.2) * 20), 2) / 20


vols = {k: brentq(lambda v: put(2900, k, YEARS, v) - mid(k), 0.01, 2, xtol=1e-15) for k in (2800, 2750)}
# Each leg is 0.10 wide, 60 % of the half spreads is given up, and the package trades in steps of 0.05, against us.
credit = floor((mid(2800) - mid(2750) - 0.6 * 0.1) * 20) / 20
capital = 50 - credit


def profit(cash, shift=0.0, points=0.0, days=0.0):
    value = {k: put(2900 * (1 + shift), k, YEARS - days / 365, v + points / 100) for k, v in vols.items()}
    return cash + value[2750] - value[2800]


def rate(gain, capital, years):
    return (1 + gain / capital) ** (1 / years) - 1


print("credit", credit, vols)
print("vol -5          ", rate(profit(credit, points=-5), capital, YEARS))
print("vol +5          ", rate(profit(credit, points=5), capital, YEARS))
print("vol +5 & spot +3", rate(profit(credit, shift=0.03, points=5), capital, YEARS))
# A day later, as a position.
YEARS -= 1 / 365
vols = {k: brentq(lambda v: put(2900, k, YEARS, v) - mid(k), 0.01, 2, xtol=1e-15) for k in (2800, 2750)}
worth = mid(2750) - mid(2800)
print("kept, vol -5    ", rate(profit(-worth, points=-5), 50 + worth, YEARS))

# Quick ratios of step.rs: one short 2800 put, two sessions after 3 June's decision (filled on the 4th, asked on the 4th).
YEARS = (45 * 86400 + 15 * 60) / (365 * 86400)


def touch(strike):
    return max(round(put(2900, strike, YEARS, 0.2) * 20), 2) / 20


# Sold at the mid less 60 % of the half spread (0.05), on the tick of 0.10 (3 and over), against us, but not below the bid.
premium = max(floor(round((touch(2800) - 0.6 * 0.05) * 10, 9)) / 10, touch(2800) - 0.05)
vol = brentq(lambda v: put(2900, 2800, YEARS, v) - touch(2800), 0.01, 2, xtol=1e-15)
cash = 250_000 + premium * 100
print("premium", premium, "mid", touch(2800))


def naked(spot, value):
    """Cboe rule 10.3: premium plus 15 % of the index less what it is out of the money, at least 10 % of the strike."""
    return 100 * (round(value, 3) + max(0.15 * spot - max(spot - 2800, 0), 0.10 * 2800))


def after(shift, points, days=0.0):
    return put(2900 * (1 + shift), 2800, YEARS - days / 365, vol + points / 100)


print("cushion, nothing      ", cash / naked(2900, touch(2800)))
print("cushion, vol+10 -5%   ", cash / naked(2755, after(-0.05, 10)))
print("cushion, 60 days, -5% ", cash - 100 * 45)


def grid(spot, v, years):
    here = put(spot, 2800, years, v)
    moves = [-0.08 * i / 5 for i in range(1, 6)] + [0.06 * i / 5 for i in range(1, 6)]
    return 100 * max(put(spot * (1 + m), 2800, years, v) - here for m in moves)


value = after(-0.05, 10)
print("portfolio, vol+10 -5% ", (cash - 100 * value) / grid(2755, vol + 0.10, YEARS))
