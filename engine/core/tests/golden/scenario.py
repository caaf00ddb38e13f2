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
