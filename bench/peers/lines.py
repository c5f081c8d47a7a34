#!/usr/bin/python3
"""Lines, good or bad: scikit-learn's logistic regression on character 3-grams.

  lines.py DIRECTORY OUT.jsonl [--solver lbfgs|liblinear] [--rows N]

Reads {train,test}.{good,bad}.txt.gz, learns from train, and writes a probability for every line of test, in the form that
score_lines.py judges. lbfgs is scikit-learn's default; liblinear reaches the same optimum sooner on such data. --rows takes
the first N lines of each file only.
"""
import argparse, gzip, itertools, json, os
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression


def main():
    p = argparse.ArgumentParser()
    p.add_argument('dir')
    p.add_argument('out')
    p.add_argument('--solver', default='lbfgs')
    p.add_argument('--rows', type=int)
    a = p.parse_args()

    def read(name):
        with gzip.open(os.path.join(a.dir, name), 'rb') as f:
            return [l.rstrip(b'\r\n').decode('latin-1') for l in itertools.islice(f, a.rows)]

    good, bad = read('train.good.txt.gz'), read('train.bad.txt.gz')
    grams = CountVectorizer(analyzer='char', ngram_range=(3, 3))
    model = LogisticRegression(solver=a.solver, max_iter=5000)
    model.fit(grams.fit_transform(good + bad), [0] * len(good) + [1] * len(bad))
    if model.n_iter_.max() >= 5000:
        raise SystemExit('logistic regression did not converge in 5000 steps')
    with open(a.out, 'w') as out:
        for name in 'test.good.txt.gz', 'test.bad.txt.gz':
            for i, x in enumerate(model.predict_proba(grams.transform(read(name)))[:, 1], 1):
                out.write(json.dumps({'file': name, 'line': i, 'probability': x}) + '\n')


main()
