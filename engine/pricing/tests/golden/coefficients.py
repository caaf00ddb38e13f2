from mpmath import mp, mpf, matrix
import mpmath as m
mp.dps=60
M=lambda a: mp.sqrt(mp.pi/2)*mp.exp(a*a/2)*mp.erfc(a/mp.sqrt(2))
def cheb_nodes(n,lo,hi): return [(lo+hi)/2+(hi-lo)/2*mp.cos(mp.pi*(2*i+1)/(2*n)) for i in range(n)]
def fit(n,d,amax,c=mpf(3)):
    tmax=(amax-c)/(amax+c)
    ts=cheb_nodes(6*(n+d),mpf(-1),tmax)
    xs=[c*(1+t)/(1-t) for t in ts]; ys=[M(x) for x in xs]
    w=[1/y for y in ys]
    for it in range(6):
        # sum p_j x^j - y sum_{j>=1} q_j x^j = y , weight w/|Q|
        A=matrix(len(xs),n+1+d); b=matrix(len(xs),1)
        sc=mpf(10)
        for i,(x,y) in enumerate(zip(xs,ys)):
            for j in range(n+1): A[i,j]=w[i]*(x/sc)**j
            for j in range(1,d+1): A[i,n+j]=-w[i]*y*(x/sc)**j
            b[i]=w[i]*y
        sol=mp.lu_solve(A,b)
        p=[sol[j]/sc**j for j in range(n+1)]; q=[mpf(1)]+[sol[n+j]/sc**j for j in range(1,d+1)]
        w=[1/(y*abs(mp.polyval(q[::-1],x))) for x,y in zip(xs,ys)]
    err=max(abs(mp.polyval(p[::-1],x)/mp.polyval(q[::-1],x)/M(x)-1) for x in [amax*mpf(i)/3000 for i in range(3001)])
    return p,q,err
if __name__=="__main__":
    for n in (6,7,8,9):
        p,q,e=fit(n,n+1,mpf(40)); print(n,n+1,mp.nstr(e,3),all(x>0 for x in p+q))
    p,q,e=fit(7,8,mpf(40))
