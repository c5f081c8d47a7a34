# Writes oracle.csv: invented records of two classes, and what scikit-learn's random forest makes of them.
#   python3 oracle.py > oracle.csv        (figures in the file: scikit-learn 1.2.1, numpy 1.24.2)
import numpy as np, sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
g = np.random.RandomState(7)
n = 2400
kind = g.choice(12, n, p=np.arange(12, 0, -1) / 78)
port = g.choice([22, 25, 53, 80, 443, 8080], n)
size = np.round(np.exp(g.normal(6 + .2 * (port == 80), 1.5, n)))
took = np.round(g.gamma(2, 1, n), 3)
noise = np.round(g.normal(0, 1, (n, 3)), 2)
odds = (1.2 * (np.log(size) - 6) * np.where(kind % 3 == 0, 1, -.6) + 1.5 * ((took > 2) ^ (port == 443))
        + .8 * (kind % 4 == 1) + .4 * noise[:, 0] - 1.2)
bad = (g.uniform(size=n) < 1 / (1 + np.exp(-1.5 * odds))).astype(int)
tr, te = np.arange(n) < n // 2, np.arange(n) >= n // 2
X = np.c_[port, size, took, noise, np.eye(12)[kind]]
auc = [roc_auc_score(bad[te], RandomForestClassifier(random_state=s).fit(X[tr], bad[tr]).predict_proba(X[te])[:, 1])
       for s in range(20)]
print(f'# AUC of the second half by RandomForestClassifier on the first, mean of 20 seeds (sd {np.std(auc):.4f}):')
print(f'# {np.mean(auc):.4f}')
print('port,size,took,a,b,c,kind,bad')
for i in range(n):
    print(port[i], int(size[i]), took[i], *noise[i], 'k%d' % kind[i], bad[i], sep=',')
