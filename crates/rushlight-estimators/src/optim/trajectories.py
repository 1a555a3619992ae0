"""Trajectories of the optimizers, one scalar parameter, transcribed from the formulas of
torch.optim's documentation and pyro.optim.ClippedAdam's source, in double precision.

Independent of the Rust code: no shared intermediate quantities, bias corrections as printed there.
"""
from math import sqrt
GRADIENTS = [1.0, -2.0, 0.5, 30.0, -0.25]
THETA = 0.75

def adam(lr=0.1, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, decoupled=False):
    x, m, v, out = THETA, 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        if decoupled: x = x - lr * wd * x
        else: g = g + wd * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        mhat, vhat = m / (1 - b1 ** t), v / (1 - b2 ** t)
        x = x - lr * mhat / (sqrt(vhat) + eps)
        out.append(x)
    return out

def clipped_adam(lr=0.1, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, clip=10.0, lrd=1.0):
    x, m, v, out = THETA, 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        lr = lr * lrd
        g = max(-clip, min(clip, g))
        g = g + wd * x
        m = m * b1 + (1 - b1) * g
        v = v * b2 + (1 - b2) * g * g
        denom = sqrt(v) + eps
        step_size = lr * sqrt(1 - b2 ** t) / (1 - b1 ** t)
        x = x - step_size * m / denom
        out.append(x)
    return out

def rmsprop(lr=0.01, alpha=0.99, eps=1e-8, wd=0.0, mu=0.0, centered=False):
    x, v, a, b, out = THETA, 0.0, 0.0, 0.0, []
    for g in GRADIENTS:
        g = g + wd * x
        v = alpha * v + (1 - alpha) * g ** 2
        vt = v
        if centered:
            a = a * alpha + (1 - alpha) * g
            vt = vt - a ** 2
        if mu > 0:
            b = mu * b + g / (sqrt(vt) + eps)
            x = x - lr * b
        else:
            x = x - lr * g / (sqrt(vt) + eps)
        out.append(x)
    return out

def adagrad(lr=0.01, lr_decay=0.0, wd=0.0, tau=0.0, eps=1e-10):
    x, s, out = THETA, tau, []
    for t, g in enumerate(GRADIENTS, 1):
        clr = lr / (1 + (t - 1) * lr_decay)
        g = g + wd * x
        s = s + g ** 2
        x = x - clr * g / (sqrt(s) + eps)
        out.append(x)
    return out

def sgd(lr=0.1, mu=0.0, wd=0.0, nesterov=False):
    x, b, out = THETA, None, []
    for g in GRADIENTS:
        g = g + wd * x
        if mu != 0:
            b = g if b is None else mu * b + g
            g = g + mu * b if nesterov else b
        x = x - lr * g
        out.append(x)
    return out

ALL = [
    ("Adam::new(0.1)", adam()),
    ("Adam::new(0.1).betas(0.8, 0.95).eps(1e-3).weight_decay(0.3)", adam(0.1, 0.8, 0.95, 1e-3, 0.3)),
    ("AdamW::new(0.1)", adam(wd=0.01, decoupled=True)),
    ("AdamW::new(0.2).betas(0.8, 0.95).eps(1e-3).weight_decay(0.3)", adam(0.2, 0.8, 0.95, 1e-3, 0.3, True)),
    ("ClippedAdam::new(0.1)", clipped_adam()),
    ("ClippedAdam::new(0.1).lrd(0.9).clip_value(0.7).eps(1e-2).weight_decay(0.3)", clipped_adam(0.1, eps=1e-2, wd=0.3, clip=0.7, lrd=0.9)),
    ("RmsProp::new(0.01)", rmsprop()),
    ("RmsProp::new(0.01).centered(true).alpha(0.9)", rmsprop(alpha=0.9, centered=True)),
    ("RmsProp::new(0.01).momentum(0.5).weight_decay(0.3)", rmsprop(mu=0.5, wd=0.3)),
    ("RmsProp::new(0.02).momentum(0.5).centered(true).eps(1e-2)", rmsprop(0.02, mu=0.5, centered=True, eps=1e-2)),
    ("Adagrad::new(0.01)", adagrad()),
    ("Adagrad::new(0.05).lr_decay(0.1).initial_accumulator(0.5).weight_decay(0.3).eps(1e-3)", adagrad(0.05, 0.1, 0.3, 0.5, 1e-3)),
    ("Sgd::new(0.1)", sgd()),
    ("Sgd::new(0.1).momentum(0.9)", sgd(mu=0.9)),
    ("Sgd::new(0.1).momentum(0.9).nesterov(true).weight_decay(0.3)", sgd(mu=0.9, nesterov=True, wd=0.3)),
]
for code, xs in ALL:
    print(f"{code}\n    [{', '.join(repr(x) for x in xs)}]")
