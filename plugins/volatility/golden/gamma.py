"""Gamma exposure of a small invented chain, apart from the program: Black-Scholes with a dividend yield on the spot, where the program
uses Black-76 on the forward; scipy's normal density; scipy's brentq for the spot at which the sum is nothing.

The formula is Perfiliev's (2022): gamma * open interest * 100 * S^2 * 0.01, calls added and puts taken away.
Prints what `src/golden.rs` holds."""
import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

S = 4000.0
R, Q = 0.05, 0.015
EXPIRIES = [5 / 365, 20 / 365, 60 / 365]
STRIKES = [3600.0, 3800.0, 3950.0, 4000.0, 4050.0, 4200.0]
# Open interest by expiry: puts, calls.
PUTS = [[900, 2500, 4100, 3000, 300, 40], [5200, 7100, 2900, 1500, 200, 15], [8000, 6400, 2100, 1900, 350, 60]]
CALLS = [[10, 150, 1800, 5200, 4400, 1200], [25, 300, 900, 3100, 5100, 6100], [70, 500, 800, 2600, 3300, 7200]]


def vol(i, k):
    return 0.14 + 0.02 * i - 0.25 * np.log(k / S) + 0.9 * np.log(k / S) ** 2


def exposure(s, k, sigma, t, oi):
    d1 = (np.log(s / k) + (R - Q + sigma**2 / 2) * t) / (sigma * np.sqrt(t))
    gamma = np.exp(-Q * t) * norm.pdf(d1) / (s * sigma * np.sqrt(t))
    return gamma * oi * 100 * s * s * 0.01


def parts(s):
    calls, puts, by_expiry = 0.0, 0.0, [0.0, 0.0, 0.0]
    for i, t in enumerate(EXPIRIES):
        for j, k in enumerate(STRIKES):
            c = exposure(s, k, vol(i, k), t, CALLS[i][j])
            p = exposure(s, k, vol(i, k), t, PUTS[i][j])
            calls, puts = calls + c, puts - p
            by_expiry[i] += c - p
    return calls + puts, calls, puts, *by_expiry


print([f"{x!r}" for x in map(float, parts(S))])
grid = np.linspace(0.8 * S, 1.2 * S, 81)
values = [parts(s)[0] for s in grid]
roots = [brentq(lambda s: parts(s)[0], a, b, xtol=1e-10) for a, b, x, y in zip(grid, grid[1:], values, values[1:]) if (x < 0) != (y < 0)]
print(roots)
level = min(roots, key=lambda r: abs(r - S))
print(repr(level), repr(S / level - 1))
