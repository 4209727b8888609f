"""Features of the two message nets for fixed weights: the numbers in tests/unit/common/nn/test_message_net.c.
Plain loops over the full padded length; tensor t, element j of the input-major layout: see tensor()."""
import math


def tensor(t, n, inputs):
    return [(((31 * j * j + 7919 * j + 104729 * t) % 2003) / 1001.5 - 1) * 2.4 / math.sqrt(inputs) for j in range(n)]


def net(text, size, embed, ch, plan, dense):
    t = 0
    table = tensor(t, 256 * embed, 1); t += 1
    table[:embed] = [0.0] * embed
    ids = list(text.encode())[:size] + [0] * max(0, size - len(text))
    x = [table[i * embed:(i + 1) * embed] for i in ids]
    for what in plan:
        if what == "p":
            x = [[max(x[3 * q + i][c] for i in range(3)) for c in range(ch)] for q in range(len(x) // 3)]
            continue
        cin = len(x[0])
        w = tensor(t, what * cin * ch, what * cin); b = tensor(t + 1, ch, what * cin); t += 2
        cols = [w[n::ch] for n in range(ch)]
        out = []
        for p in range(len(x) - what + 1):
            win = [v for i in range(what) for v in x[p + i]]
            out.append([max(0.0, b[n] + sum(a * c for a, c in zip(win, cols[n]))) for n in range(ch)])
        x = out
    y = [v for row in x for v in row]
    for d in dense:
        w = tensor(t, len(y) * d, len(y)); b = tensor(t + 1, d, len(y)); t += 2
        y = [max(0.0, b[n] + sum(a * c for a, c in zip(y, w[n::d]))) for n in range(d)]
    return y


for text in ("", "You kill the newt!", "x" * 150):
    big = net(text, 256, 32, 64, [7, "p", 7, "p", 3, 3, 3, 3, "p"], [128])
    small = net(text, 128, 16, 32, [7, "p", 7, "p", 3, "p"], [32, 32])
    for name, y, at in (("lt_cnn", big, (0, 1, 17, 64, 127)), ("small", small, (0, 5, 9, 20, 31))):
        print(name, repr(text[:20]), ", ".join("%.6f" % y[i] for i in at), "sum %.6f" % sum(y))
