"""Writes svi_scipy.csv: noisy smiles and the SVI curve that scipy finds for them.

An independent fit: five raw parameters by scipy.optimize.least_squares (trust region, exact bounds) from 60 seeded starts, errors
of vol over half the spread, floored at 0.05 vol points, as fit_smile counts them. Run: python3 svi_scipy.py
"""

import numpy as np
import scipy
from scipy.optimize import least_squares

SMILES = [  # years, forward, raw parameters
    (30 / 365, 5000.0, (0.0004, 0.035, -0.45, 0.015, 0.045)),
    (91 / 365, 2937.0, (0.0012, 0.060, -0.60, 0.030, 0.090)),
    (1.0, 4200.0, (0.0060, 0.110, -0.55, 0.080, 0.200)),
    (7 / 365, 5000.0, (0.00005, 0.012, -0.30, 0.004, 0.020)),
]


def total_variance(p, k):
    a, b, rho, m, sigma = p
    return a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2))


def fit(k, vol, tolerance, years, rng):
    def error(p):
        w = np.maximum(total_variance(p, k), 1e-12)
        return (np.sqrt(w / years) - vol) / tolerance

    best = None
    scale = vol[np.argmin(abs(k))] * np.sqrt(years)
    for _ in range(60):
        start = [
            rng.uniform(0, 0.5) * scale**2,
            rng.uniform(0.01, 0.3),
            rng.uniform(-0.9, 0.9),
            rng.uniform(-1, 1) * scale,
            scale * np.exp(rng.uniform(-2, 1)),
        ]
        found = least_squares(
            error, start, bounds=([-1, 0, -0.999, -2, 1e-4], [1, 1, 0.999, 2, 5]), x_scale=[1e-3, 0.1, 1, 0.1, 0.1],
            xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=2000,
        )
        if best is None or found.cost < best.cost:
            best = found
    return best.x, np.sqrt(2 * best.cost / len(k))


rng = np.random.default_rng(20190425)
with open("svi_scipy.csv", "w") as out:
    out.write(f"# svi_scipy.py, scipy {scipy.__version__}, numpy {np.__version__}\n")
    out.write("# fit,years,forward,a,b,rho,m,sigma,error   (error: root mean square in half spreads)\n")
    out.write("# quote,strike,bid_vol,mid_vol,ask_vol       (of the fit above)\n")
    for years, forward, p in SMILES:
        sd = np.sqrt(total_variance(p, 0.0))
        strikes = np.unique(np.round(forward * np.exp(np.linspace(-6 * sd, 3 * sd, 60)) / 5) * 5)
        k = np.log(strikes / forward)
        vol = np.sqrt(total_variance(p, k) / years)
        half = 0.002 + 0.01 * (k / sd / 6) ** 2
        mid = np.round(vol + 0.3 * half * rng.standard_normal(len(k)), 6)
        bid, ask = np.round(mid - half, 6), np.round(mid + half, 6)
        x, error = fit(k, mid, np.maximum((ask - bid) / 2, 0.0005), years, rng)
        out.write("fit," + ",".join(repr(float(v)) for v in (years, forward, *x, error)) + "\n")
        for row in zip(strikes, bid, mid, ask):
            out.write("quote," + ",".join(repr(float(v)) for v in row) + "\n")
