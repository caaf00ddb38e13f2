"""Golden values of engine/report/src/compare/resample.rs by numpy (and arch, where it is installed).

Run: python3 compare.py
"""

import numpy as np

n, block = 250, 8.0
i = np.arange(n)
x = ((i * 37) % 101 - 50) / 10 + 3 * np.sin(i / 5)


def cvar(sample, share):
    """Rockafellar and Uryasev: min over c of c + E[(loss - c)+] / share, which a quantile attains."""
    loss = -sample
    return min(c + np.maximum(loss - c, 0).mean() / share for c in loss)


print("cvar 95", repr(cvar(x, 0.05)), "cvar 99", repr(cvar(x, 0.01)))
print("quantiles", repr(np.quantile(x, 0.025)), repr(np.quantile(x, 0.975)))
d = x - x.mean()
p = 1 / block
total = (d * d).mean()
for k in range(1, n):
    r = (d[: n - k] * d[k:]).sum() / n
    total += 2 * ((1 - k / n) * (1 - p) ** k + (k / n) * (1 - p) ** (n - k)) * r
print("deviation of the mean", repr(float(np.sqrt(total / n))))
try:
    from arch.bootstrap import StationaryBootstrap

    means = StationaryBootstrap(block, x, seed=1).apply(np.mean, 20000)
    print("arch", means.std())
except ImportError:
    print("arch is not installed")
