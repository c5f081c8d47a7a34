#!/usr/bin/python3
"""NSL-KDD: average precision of scikit-learn's learners on the test file, after learning the train file.

  nsl.py TRAIN.gz TEST.gz [--rows N]

Columns 2, 3 and 4 are one-hot, the others numbers; column 42 says good (normal) or bad, and 43 is left out. Nothing is
tuned: each learner has its defaults, but for enough steps to converge. Numbers are given as they are, between 0 and 1 by
the train file's smallest and largest, and standardised by its mean and deviation, where a learner cares. Prints one JSON
object: the average precision of each, and the seconds it took to learn and judge. --rows takes about N rows of each file,
evenly.
"""
import argparse, csv, gzip, json, time, warnings
import numpy as np
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

NAMES = [1, 2, 3]


def read(name, rows):
    with gzip.open(name, 'rt', newline='') as f:
        all_ = list(csv.reader(f))
    if rows:
        all_ = all_[::max(1, len(all_) // rows)]
    numbers = np.array([[float(x) for i, x in enumerate(r[:41]) if i not in NAMES] for r in all_])
    names = [[r[i] for i in NAMES] for r in all_]
    return numbers, names, np.array([r[41] != 'normal' for r in all_])


def main():
    p = argparse.ArgumentParser()
    p.add_argument('train')
    p.add_argument('test')
    p.add_argument('--rows', type=int)
    a = p.parse_args()
    X, C, y = read(a.train, a.rows)
    Xt, Ct, yt = read(a.test, a.rows)
    hot = OneHotEncoder(handle_unknown='ignore').fit(C)
    C, Ct = hot.transform(C), hot.transform(Ct)

    def forests():
        for seed in range(3):
            yield RandomForestClassifier(random_state=seed)

    out = {}
    for name, scale, models in [
            ('MultinomialNB, numbers as they are', None, [MultinomialNB()]),
            ('MultinomialNB, numbers from 0 to 1', MinMaxScaler(clip=True), [MultinomialNB()]),
            ('LogisticRegression, numbers as they are', None, [LogisticRegression(max_iter=2000)]),
            ('LogisticRegression, numbers from 0 to 1', MinMaxScaler(clip=True), [LogisticRegression(max_iter=2000)]),
            ('LogisticRegression, numbers standardised', StandardScaler(), [LogisticRegression(max_iter=2000)]),
            ('RandomForestClassifier, median of 3 seeds', None, forests())]:
        N, Nt = (scale.fit_transform(X), scale.transform(Xt)) if scale else (X, Xt)
        train, test = sparse.hstack([N, C]).tocsr(), sparse.hstack([Nt, Ct]).tocsr()
        aps, seconds = [], []
        for m in models:
            begun = time.time()
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter('always', ConvergenceWarning)
                m.fit(train, y)
            if any(issubclass(w.category, ConvergenceWarning) for w in said):
                name += ' (did not converge)'
            aps.append(average_precision_score(yt, m.predict_proba(test)[:, 1]))
            seconds.append(time.time() - begun)
        out[name] = {'average_precision': float(np.median(aps)), 'seconds': float(np.median(seconds))}
        if len(aps) > 1:
            out[name]['all'] = aps
    print(json.dumps(out))


main()
