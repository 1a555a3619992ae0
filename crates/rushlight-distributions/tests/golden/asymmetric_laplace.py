"""Reference values of AsymmetricLaplace, which the project's references do not have: writes asymmetric_laplace.json.

Nothing here is the formula of the density: it is the convolution of the two exponential variables whose difference a
draw is, `x = loc + (scale / asymmetry) v - (scale asymmetry) u`, by quadrature in 60 digits; derivatives are central
differences of that, and draws move by -(dF/dtheta) / p. Parameters and values are numbers of f32.
"""

from struct import pack, unpack

from mpmath import exp, inf, log, mp, mpf, nstr, quad

mp.dps = 60
EPSILON = mpf(2) ** -23
NAMES = ["loc", "scale", "asymmetry"]


def means(scale, asymmetry):
    return scale * asymmetry, scale / asymmetry


def over_u(x, loc, scale, asymmetry, of_v):
    """E[of_v(v)] over u, with the v that makes the draw x, where there is one."""
    below, above = means(scale, asymmetry)
    least = max(mpf(0), (loc - x) / below)
    of_u = lambda u: exp(-u) * of_v((x - loc + below * u) / above)
    return quad(of_u, [least, least + 1, least + 10, least + 40, inf])


def density(x, loc, scale, asymmetry):
    return over_u(x, loc, scale, asymmetry, lambda v: exp(-v)) / means(scale, asymmetry)[1]


def cdf(x, loc, scale, asymmetry):
    return over_u(x, loc, scale, asymmetry, lambda v: 1 - exp(-v))


def moments(theta):
    """Those of the two exponential variables; the entropy by quadrature."""
    loc, scale, asymmetry = theta
    below, above = means(scale, asymmetry)
    at_mode = density(loc, *theta)
    surprise = lambda s: (s - log(at_mode)) * at_mode * exp(-s)
    entropy = (below + above) * quad(surprise, [0, 1, 10, 40, inf])
    return loc + above - below, above**2 + below**2, entropy


def by(f, args, j):
    """The central difference of a step that is small beside what the argument is measured in."""
    _, _, scale, asymmetry = args
    h = mpf(10) ** -20 * ([scale * min(asymmetry, 1 / asymmetry)] * 2 + [scale, asymmetry])[j]
    moved = lambda t: f(*args[:j], t, *args[j + 1 :])
    return (moved(args[j] + h) - moved(args[j] - h)) / (2 * h)


def relative(terms, reference):
    """The references' own rule: eight roundings of all terms."""
    return float(max(mpf("4e-6"), 8 * EPSILON * sum(map(abs, terms)) / abs(reference)))


def of_f32(x):
    return mpf(unpack("f", pack("f", float(x)))[0])


def number(x):
    return nstr(x, 40, min_fixed=-5, max_fixed=20)


def record(pairs):
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


def point(x, theta):
    loc, scale, asymmetry = theta
    side = means(scale, asymmetry)[0 if x < loc else 1]
    e, width = abs(x - loc) / side, asymmetry + 1 / asymmetry
    log_density = lambda *args: log(density(*args))
    args = [x, *theta]
    sizes = {"value": [1 / side], "loc": [1 / side], "scale": [(e + 1) / scale], "asymmetry": [(e + 1) / asymmetry]}
    of_log = [e, log(scale), log(width), (abs(x) + abs(loc)) / side]
    quantities = [("log_prob", log_density(*args), of_log), ("cdf", cdf(x, *theta), None)]
    for j, name in enumerate(["value", *NAMES]):
        if e == 0 and name in ("value", "loc"):
            continue  # a kink
        if e == 0:  # from one side, which the density is continuous from
            of = {"scale": -1 / scale, "asymmetry": -(asymmetry - 1 / asymmetry) / width / asymmetry}[name]
        else:
            of = by(log_density, args, j)
        quantities.append(("d_" + name, of, sizes[name]))
    q = {name: v for name, v, _ in quantities}
    rtol, atol = [], []
    for name, v, terms in quantities:
        terms = [v, v * e] if terms is None else terms
        if abs(v) < mpf(10) ** -30:
            atol.append((name, float(8 * EPSILON * sum(map(abs, terms)))))
        else:
            rtol.append((name, relative(terms, v)))
    shown = lambda name: "null" if name not in q else number(q[name]) if abs(q[name]) > mpf(10) ** -30 else "0.0"
    return record(
        [("value", number(x)), ("in_support", "true"), ("log_prob", shown("log_prob")), ("d_value", shown("d_value"))]
        + [("d_params", record((n, shown("d_" + n)) for n in NAMES)), ("cdf", shown("cdf"))]
        + [("f32_rtol", record(rtol)), ("f32_atol", record(atol))]
    )


def slopes(x, theta):
    p, args = density(x, *theta), [x, *theta]
    grads = [(name, number(-by(cdf, args, j + 1) / p)) for j, name in enumerate(NAMES)]
    return [("z", number(x)), ("grads", record(grads)), ("f32_rtol", 1e-5)]


CASES = [(0, 1, 1), (1, 3, 2), (-2, 0.5, 0.25), (100, 2**-10, 1 + 2**-10), (0.5, 4, 32), (-7, 2**20, 2**-7)]
DISTANCES = [0, 2**-6, 1, -1, 0.75, -2.5, 20, -20]

lines = []
for i, theta in enumerate(CASES):
    loc, scale, asymmetry = theta = [mpf(t) for t in theta]
    params = ("params", record(zip(NAMES, map(number, theta))))
    mean, variance, entropy = moments(theta)
    size = abs(loc) + scale * (asymmetry + 1 / asymmetry)
    mean_rtol = 1e-5 if abs(mean) < mpf(10) ** -30 else max(1e-5, relative([size], mean))
    of_entropy = 8 * EPSILON * (1 + abs(log(scale)) + log(asymmetry + 1 / asymmetry))
    mean = "null" if abs(mean) < mpf(10) ** -30 else number(mean)
    points = [loc + mpf(s) * scale * (asymmetry if s < 0 else 1 / asymmetry) for s in DISTANCES]
    points = [of_f32(x) for x in points]
    tolerances = record([("mean", mean_rtol), ("variance", 1e-5), ("entropy_atol", float(of_entropy))])
    head = [("id", f'"AsymmetricLaplace/{i}"'), ("dist", '"AsymmetricLaplace"'), params]
    numbers = [("mean", mean), ("variance", number(variance)), ("entropy", number(entropy))]
    rows = "[" + ",".join(point(x, theta) for x in points) + "]"
    lines.append(record(head + numbers + [("moments_f32", tolerances), ("points", rows)]))
    lines += [record(head[1:] + slopes(x, theta)) for x in points if x != loc]
open("asymmetric_laplace.json", "w").write("[\n" + ",\n".join(lines) + "\n]\n")
