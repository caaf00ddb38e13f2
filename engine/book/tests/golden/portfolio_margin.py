"""Portfolio margin by hand, for engine/book/src/tests/portfolios.rs.

Black-76 in 50 digits (mpmath): price = D (w F Phi(w d1) - w K Phi(w d2)), d1,2 = (ln(F/K) +- s^2 T/2) / (s sqrt T), w = 1 for
a call and -1 for a put; D = exp(-r T). The forward moves with the index: F -> F (1 + m), vol of each strike as it was (or
times 0.85 and 1.15). Loss = -sum units (value after - value before); ten moves: low i/5 and high i/5 for i = 1..5.

    python3 portfolio_margin.py
"""
from mpmath import mp, mpf, ncdf, log, sqrt, exp

mp.dps = 50


def price(right, F, K, s, T, r):
    w = 1 if right == "C" else -1
    v = s * sqrt(T)
    d1 = (log(F / K) + v * v / 2) / v
    return exp(-r * T) * w * (F * ncdf(w * d1) - K * ncdf(w * (d1 - v)))


def loss(legs, F, T, r, m, k):
    return -sum(u * (price(x, F * (1 + m), K, s * k, T, r) - price(x, F, K, s, T, r)) for x, K, s, u in legs)


def grid(low, high):
    return [low * mpf(i) / 5 for i in range(5, 0, -1)] + [high * mpf(i) / 5 for i in range(1, 6)]


def show(name, legs, F, T, r, vols=(mpf(1),)):
    cells = [(loss(legs, F, T, r, m, k), m, k) for k in vols for m in grid(mpf("-0.08"), mpf("0.06"))]
    worst = max(cells, key=lambda c: c[0])
    minimum = 0
    for x, K, s, u in legs:
        value = price(x, F, K, s, T, r)
        minimum += abs(u) * (min(mpf("0.375"), value) if u > 0 else mpf("0.375"))
    print(f"{name}: worst loss {mp.nstr(worst[0], 12)} at {mp.nstr(worst[1], 4)}, vol x {mp.nstr(worst[2], 4)}; minimum {mp.nstr(minimum, 12)}")
    return cells


M = mpf
F, T, r = M(2950), M(30) / 365, M("0.02")
condor = [("P", M(2775), M("0.18"), 100), ("P", M(2825), M("0.165"), -100),
          ("C", M(3015), M("0.12"), -100), ("C", M(3065), M("0.115"), 100)]
ibkr = (M("0.85"), M(1), M("1.15"))
show("condor", condor, F, T, r)
show("condor, IBKR", condor, F, T, r, ibkr)
wide = [("P", M(2500), M("0.30"), 300), ("P", M(2825), M("0.165"), -300)]
show("wide put spread x3", wide, F, T, r)
show("short put", [("P", M(2700), M("0.2"), -100)], F, T, r)
show("short put, IBKR", [("P", M(2700), M("0.2"), -100)], F, T, r, ibkr)
show("far short call", [("C", M(4500), M("0.25"), -100)], F, T, r)
show("long wing", [("P", M(1500), M("0.60"), 100)], F, T, r)
# SPX short put and a long XSP put of a tenth: gains of one class count nine tenths against the other's loss.
spx = [("P", M(2700), M("0.2"), -100)]
xsp = [("P", M(280), M("0.17"), 500)]
worst = max((a[0] if a[0] > 0 else a[0] * M("0.9")) + (b[0] if b[0] > 0 else b[0] * M("0.9"))
            for a, b in zip(show("spx", spx, F, T, r), show("xsp", xsp, M(295), T, r)))
print("spx and xsp together", mp.nstr(worst, 12))
