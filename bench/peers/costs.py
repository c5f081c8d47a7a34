#!/usr/bin/python3
"""What decisions by cost are worth on unseen records, and what scikit-learn's would be.

  costs.py split SHARED_BENCH INCIDENT_DIR OUT      an incident cut in time
  costs.py judge SCORED.jsonl TRAIN TEST [--rows N]

split writes train.LOG, test.LOG and their truth (train.truth.csv, test.truth.csv) into OUT: of the malicious records half lie
before the cut. Lines without a time (headers) go into both.

judge prints one JSON object. TRAIN and TEST are either GOOD,BAD (files of one label) or LOG:TRUTH.csv. SCORED is `weir score
--json` of TEST. For each ratio of the cost of a miss to that of a wrong block:

  regret  (cost of blocking from p = 1/(1+ratio) on − least cost of any threshold) / min(never blocking, blocking all)
  weir    the cost itself
  peer    that of LogisticRegression on character 3-grams (solver liblinear), learned from four fifths of TRAIN, with the
          threshold that costs least on the last fifth (chosen by chance, seed 0); the same lines, of more than 60,000 a sample
  ece     mean |mean probability − share of bad| over ten equal bins, by count
"""
import csv, gzip, json, os, sys
sys.dont_write_bytecode = True
import numpy as np

RATIOS = 1, 10, 100, 1000


def split(shared, incident, out):
    sys.path.insert(0, shared)
    import score_ranking as truth
    kinds = truth.read_truth(incident)
    log = truth.Log(os.path.join(incident, 'logs', os.listdir(incident + '/logs')[0]))
    times = {r[0]: r[1] for r in log.rows}
    bad = sorted(times[l] for f, l in kinds if l in times)
    cut = bad[len(bad) // 2]
    os.makedirs(out, exist_ok=True)
    logs = [open(f'{out}/{p}.{log.file}', 'wb') for p in ('train', 'test')]
    lists = [open(f'{out}/{p}.truth.csv', 'w') for p in ('train', 'test')]
    for f in lists:
        f.write('file,line,label,kind\n')
    n = [0, 0]
    path = os.path.join(incident, 'logs', os.listdir(incident + '/logs')[0])
    for i, line in enumerate(gzip.open(path, 'rb') if path.endswith('.gz') else open(path, 'rb'), 1):
        for k in [0, 1] if i not in times else [int(times[i] >= cut)]:
            logs[k].write(line)
            n[k] += 1
            if (log.file, i) in kinds and i in times:
                lists[k].write(f'{("train", "test")[k]}.{log.file},{n[k]},bad,{kinds[log.file, i]}\n')


def lines(name):
    with (gzip.open if name.endswith('.gz') else open)(name, 'rb') as f:
        return [l.rstrip(b'\r\n').decode('latin-1') for l in f]


def labelled(what):
    """(line number, text, label) of every record, by file."""
    if ':' in what:
        log, truth = what.split(':')
        with open(truth, newline='') as f:
            bad = {int(r['line']) for r in csv.DictReader(f)}
        all_ = lines(log)
        header = all_[0].startswith('id,time,')
        return {log: [(i, l, i in bad) for i, l in enumerate(all_, 1) if l.strip() and l[0] != '#' and not (header and i == 1)]}
    good, bad = what.split(',')
    return {name: [(i, l, label) for i, l in enumerate(lines(name), 1) if l.strip()] for name, label in ((good, False), (bad, True))}


def flat(files):
    rows = [r for name in files for r in files[name]]
    return [r[1] for r in rows], np.array([r[2] for r in rows], bool)


def cost(p, y, t, ratio):
    return int(((p >= t) & ~y).sum() + ratio * ((p < t) & y).sum())


def best(p, y, ratio):
    """The least cost of any threshold, and one that has it."""
    o = np.argsort(p, kind='stable')
    p, y = p[o], y[o]
    c = ratio * np.concatenate([[0], np.cumsum(y)]) + (~y).sum() - np.concatenate([[0], np.cumsum(~y)])
    c = np.where(np.concatenate([[True], p[1:] != p[:-1], [True]]), c, c.max() + 1)
    i = int(c.argmin())
    t = 2 if i == len(p) else p[0] if i == 0 else (p[i - 1] + p[i]) / 2
    return int(c[i]), t


def judge(scored, train, test, rows):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    files = labelled(test)
    truth = {(name, i): label for name in files for i, _, label in files[name]}
    p, y = [], []
    with open(scored) as f:
        for line in f:
            s = json.loads(line)
            if (s['file'], s['line']) in truth:
                p.append(s['probability'])
                y.append(truth[s['file'], s['line']])
    p, y = np.array(p), np.array(y, bool)
    if len(p) < .99 * len(truth):
        raise SystemExit(f'{len(p)} of {len(truth)} records are scored')
    tens = np.minimum((p * 10).astype(int), 9)
    out = {'good': int((~y).sum()), 'bad': int(y.sum()), 'regret': [], 'weir': [], 'peer': [],
           'ece': sum(abs(p[tens == k].sum() - y[tens == k].sum()) for k in range(10)) / len(p)}
    for ratio in RATIOS:
        own = cost(p, y, 1 / (1 + ratio), ratio)
        least = min(ratio * y.sum(), (~y).sum())
        out['weir'].append(own)
        out['regret'].append(float((own - best(p, y, ratio)[0]) / least))
    x, label = flat(labelled(train))
    chance = np.random.RandomState(0)
    rows = rows or 60_000
    if len(x) > rows:
        keep = np.sort(chance.choice(len(x), rows, replace=False))
        x, label = [x[i] for i in keep], label[keep]
    held = np.zeros(len(x), bool)
    held[chance.choice(len(x), len(x) // 5, replace=False)] = True
    grams = CountVectorizer(analyzer='char', ngram_range=(3, 3))
    model = LogisticRegression(solver='liblinear', max_iter=5000)
    model.fit(grams.fit_transform([l for l, h in zip(x, held) if not h]), label[~held])
    told = model.predict_proba(grams.transform([l for l, h in zip(x, held) if h]))[:, 1]
    z, truly = flat(files)
    says = model.predict_proba(grams.transform(z))[:, 1]
    for ratio in RATIOS:
        out['peer'].append(cost(says, truly, best(told, label[held], ratio)[1], ratio))
    print(json.dumps(out))


if sys.argv[1] == 'split':
    split(*sys.argv[2:5])
else:
    judge(*sys.argv[2:5], int(sys.argv[6]) if len(sys.argv) > 6 else None)
