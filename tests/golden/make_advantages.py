# SPDX-License-Identifier: MIT
"""Golden numbers of tests/unit/learner/train/test_vtrace.c and test_gae.c, from the definitions and in exact fractions.

A column of six steps: step 1 ends an episode by a time limit (value of its last observation 2), step 3 by a true end, the rest runs on
into V(x_6). V-trace as the sum of Espeholt et al. 2018, equation 1 and remark 2 (c_s = lambda min(c_bar, ratio_s)); GAE(lambda) as
(1 - lambda) times the geometric sum of n-step advantages, Schulman et al. 2016, equation 16, where a sum that reaches the end of its
episode or of the column keeps all the weight that is left. Neither is the recursion of the sources."""
from fractions import Fraction as F

T = 6
reward = [F(1), F(0), F(-1), F(2), F(1, 2), F(1)]
value = [F(1, 2), F(1), F(-1, 4), F(3, 2), F(2), F(1)]
ratio = [F(5, 4), F(1, 2), F(1), F(2), F(3, 4), F(3, 2)]
ended = {1: F(2), 3: F(0)}  # step -> value of the episode's last observation
bootstrap = F(3)
gamma, rho_bar, c_bar = F(9, 10), F(1), F(3, 4)


def next_value(t):
    return ended[t] if t in ended else value[t + 1] if t + 1 < T else bootstrap


def target(s, lam):  # v_s
    v, weight = value[s], F(1)
    for t in range(s, T):
        v += weight * min(rho_bar, ratio[t]) * (reward[t] + gamma * next_value(t) - value[t])
        if t in ended:
            break
        weight *= gamma * lam * min(c_bar, ratio[t])
    return v


def vtrace_advantage(s, lam):
    """rho (q - V) with q = r + gamma (lambda v' + (1 - lambda) V'): of the rest of the episode q believes as much as the target does."""
    after = next_value(s)
    v = after if s in ended or s + 1 == T else target(s + 1, lam)
    return min(rho_bar, ratio[s]) * (reward[s] + gamma * (lam * v + (1 - lam) * after) - value[s])


def gae(s, lam):
    total, n_step, discount, left = F(0), -value[s], F(1), F(1)
    for t in range(s, T):
        n_step += discount * reward[t]
        discount *= gamma
        last = t in ended or t + 1 == T
        weight = left if last else left * (1 - lam)
        total += weight * (n_step + discount * next_value(t))
        if last:
            break
        left -= weight
    return total


def line(name, numbers):
    print(name, ", ".join("%.9f" % float(x) for x in numbers))


for lam in (F(0), F(3, 5), F(1)):
    line(f"vtrace lambda={float(lam)} vs ", [target(s, lam) for s in range(T)])
    line(f"vtrace lambda={float(lam)} adv", [vtrace_advantage(s, lam) for s in range(T)])
for lam in (F(0), F(3, 5), F(1)):
    line(f"gae lambda={float(lam)} vs ", [value[s] + gae(s, lam) for s in range(T)])
    line(f"gae lambda={float(lam)} adv", [gae(s, lam) for s in range(T)])
