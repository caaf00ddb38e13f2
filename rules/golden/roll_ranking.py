"""Time value of the condors that `forward_roll.test.yaml` ranks, computed apart from Alula.

Black-76 on a flat smile of 16 vol around 4500 points without rates, actual days over 365, without the rounding of quotes to ticks,
which moves a condor by up to ten dollars. Standard library alone: python3 roll_ranking.py
"""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from math import erf, log, sqrt

SPOT, VOL = 4500.0, 0.16
NOW = datetime(2024, 2, 9, 15, 45)
EXPIRIES = [date(2024, 3, 15), date(2024, 3, 22), date(2024, 3, 28), date(2024, 4, 5)]


def cdf(x):
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def option(right, strike, years):
    d1 = (log(SPOT / strike) + VOL * VOL * years / 2) / (VOL * sqrt(years))
    d2 = d1 - VOL * sqrt(years)
    if right == "C":
        return SPOT * cdf(d1) - strike * cdf(d2), cdf(d1)
    return strike * cdf(-d2) - SPOT * cdf(-d1), -cdf(-d1)


def nearest(right, years, delta):
    return min(range(3000, 6500, 5), key=lambda k: abs(abs(option(right, k, years)[1]) - delta))


def main():
    for expiry in EXPIRIES:
        settles = datetime(expiry.year, expiry.month, expiry.day, 16, 0)
        # Clocks go forward on March 10: one hour less between the two.
        hours = -3600 if expiry > date(2024, 3, 10) else 0
        years = ((settles - NOW).total_seconds() + hours) / (365.0 * 86400)
        put, call = nearest("P", years, 0.16), nearest("C", years, 0.16)
        legs = [("P", put, -1), ("P", put - 50, 1), ("C", call, -1), ("C", call + 50, 1)]
        extrinsic = sum(-ratio * option(right, k, years)[0] for right, k, ratio in legs) * 100
        days = (expiry - NOW.date()).days
        print(f"{expiry} {days} dte: -P{put} +P{put - 50} -C{call} +C{call + 50}: ${extrinsic:.2f}, a day ${extrinsic / days:.2f}")


main()
