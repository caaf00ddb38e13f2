#!/usr/bin/env python3
"""The constants of src/lanes.rs: near-minimax fits at 60 digits.

    pip install mpmath==1.3.0
    python3 coefficients.py

Polynomials are Chebyshev fits. Rationals are least squares at Chebyshev points for the relative error, reweighted by the last
denominator (Sanathanan and Koerner), which comes within a small factor of minimax.
"""
import mpmath
from mpmath import mp, mpf

mp.dps = 60


def chebyshev_points(count, low, high):
    return [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def rational(xs, ys, n, d, scale=mpf(10), rounds=8):
    weights = [1 / y for y in ys]
    for _ in range(rounds):
        a, b = mpmath.matrix(len(xs), n + 1 + d), mpmath.matrix(len(xs), 1)
        for i, (x, y, w) in enumerate(zip(xs, ys, weights)):
            for j in range(n + 1):
                a[i, j] = w * (x / scale) ** j
            for j in range(1, d + 1):
                a[i, n + j] = -w * y * (x / scale) ** j
            b[i] = w * y
        solution = mp.lu_solve(a, b)
        p = [solution[j] / scale**j for j in range(n + 1)]
        q = [mpf(1)] + [solution[n + j] / scale**j for j in range(1, d + 1)]
        weights = [1 / (y * abs(mp.polyval(q[::-1], x))) for x, y in zip(xs, ys)]
    return p, q


def worst(f, p, q, xs):
    return max(abs(mp.polyval(p[::-1], x) / mp.polyval(q[::-1], x) / f(x) - 1) for x in xs)


def show(name, values, error):
    print(f"{name}  # {mp.nstr(error, 3)}")
    for value in values:
        print(f"    {float(value)!r},")


def main():
    # Mills' ratio on [0, 20], nodes crowded towards zero.
    mills = lambda a: mp.sqrt(mp.pi / 2) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2))
    top, centre = mpf(20), mpf("2.5")
    xs = [centre * (1 + t) / (1 - t) for t in chebyshev_points(102, mpf(-1), (top - centre) / (top + centre))]
    p, q = rational(xs, [mills(x) for x in xs], 8, 9, rounds=6)
    error = worst(mills, p, q, [top * i / 3000 for i in range(3001)])
    show("MILLS_P", p, error)
    show("MILLS_Q", q, error)
    print("  at 40:", mp.nstr(worst(mills, p, q, [mpf(40)]), 3))

    half = mp.log(2) / 2 * mpf("1.001")
    tail = lambda r: (mp.exp(r) - 1 - r) / r**2 if abs(r) > mpf(10) ** -15 else mpf(1) / 2 + r / 6
    c, error = mp.chebyfit(tail, [-half, half], 10, error=True)
    show("EXP_SERIES", c[::-1], error * half**2)

    bound = mpf("0.201") ** 2
    series = lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z if z > mpf(10) ** -20 else mpf(2) / 3 + 2 * z / 5
    c, error = mp.chebyfit(series, [mpf(0), bound], 7, error=True)
    show("LN_SERIES", c[::-1], error * bound / 2)

    # Bachelier: w/m = (phi(z) - z Phi(-z)) / z, L = ln(1 + m/w); Z/L as a function of L, for z to 10.
    log_of = lambda z: mp.log1p(z / (mp.npdf(z) - z * mp.erfc(z / mp.sqrt(2)) / 2))
    zs = [10 * t * t for t in chebyshev_points(48, mpf(0), mpf(1))]
    ls = [log_of(z) for z in zs]
    p, q = rational(ls, [z / l for z, l in zip(zs, ls)], 3, 3)
    error = max(abs(mp.polyval(p[::-1], log_of(z)) / mp.polyval(q[::-1], log_of(z)) * log_of(z) / z - 1)
                for z in (mpf(i) / 200 for i in range(1, 2000)))
    show("DISTANCE_P", p, error)
    show("DISTANCE_Q", q, error)


if __name__ == "__main__":
    main()
