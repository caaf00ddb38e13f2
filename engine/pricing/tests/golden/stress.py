"""Values of tests/pricing/stresses.rs: a condor under shifts, by mpmath with 50 digits.

Run: python3 stress.py
"""

from mpmath import mp, mpf, erfc, exp, log, sqrt

mp.dps = 50
RATE = mpf("0.05")
LEGS = [("p", 4600, "0.22", 100), ("p", 4650, "0.21", -100), ("c", 5300, "0.13", -100), ("c", 5350, "0.125", 100)]


def cdf(x):
    return erfc(-x / sqrt(mpf(2))) / 2


def price(right, forward, strike, years, vol):
    sign = 1 if right == "c" else -1
    if years == 0:
        return max(sign * (forward - strike), mpf(0))
    total = vol * sqrt(years)
    d1 = log(forward / strike) / total + total / 2
    return exp(-RATE * years) * sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - total)))


def value(shift="0", points="0", days="0"):
    forward = 5000 * (1 + mpf(shift))
    years = (45 - mpf(days)) / 365
    return sum(
        units * price(right, forward, mpf(strike), years, mpf(vol) + mpf(points) / 100)
        for right, strike, vol, units in LEGS
    )


for name, case in {
    "VALUE": None,
    "DOWN_8": ("-0.08", "0", "0"),
    "UP_6": ("0.06", "0", "0"),
    "DOWN_5_VOL_10": ("-0.05", "10", "0"),
    "DAYS_30": ("0", "0", "30"),
}.items():
    got = value() if case is None else value(*case) - value()
    print(f"const {name}: f64 = {mp.nstr(got, 15)};")

# Zeros of tests/pricing/breakevens.rs: one option a leg, 9.20 in hand, 15 days on.
from mpmath import findroot


def profit(shift):
    return mpf("9.2") + value(mp.nstr(shift, 40), "0", "15") / 100


zeros = [findroot(profit, (mpf(a), mpf(b)), solver="anderson", tol=mpf("1e-30")) for a, b in (("-0.1", "-0.05"), ("0.05", "0.1"))]
print("const AFTER_15_DAYS: [f64; 2] = [" + ", ".join(mp.nstr(z, 15) for z in zeros) + "];")
