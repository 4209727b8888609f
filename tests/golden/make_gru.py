# SPDX-License-Identifier: MIT
"""Golden numbers of tests/unit/common/nn/test_gru.c: the GRU equations in plain Python doubles."""
import math
I,H,T=2,2,3
s=lambda k:math.sin(k+1)
wx=[[s(i*6+j) for j in range(6)] for i in range(2)]
wh=[[s(20+i*6+j) for j in range(6)] for i in range(2)]
bx=[s(40+j) for j in range(6)]; bh=[s(50+j) for j in range(6)]
x=[[s(60+t*2+i) for i in range(2)] for t in range(T)]
h=[0.5,-0.25]; sg=lambda v:1/(1+math.exp(-v)); out=[]
for t in range(T):
    if t==2: h=[0,0]
    a=[bx[j]+sum(x[t][i]*wx[i][j] for i in range(2)) for j in range(6)]
    u=[bh[j]+sum(h[i]*wh[i][j] for i in range(2)) for j in range(6)]
    r=[sg(a[j]+u[j]) for j in range(2)]; z=[sg(a[2+j]+u[2+j]) for j in range(2)]
    n=[math.tanh(a[4+j]+r[j]*u[4+j]) for j in range(2)]
    h=[(1-z[j])*n[j]+z[j]*h[j] for j in range(2)]; out+=h
print(", ".join("%.8f"%v for v in out))
