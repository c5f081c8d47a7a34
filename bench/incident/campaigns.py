#!/usr/bin/python3
"""Adjusted mutual information of campaigns with the kinds of the truth, beside DBSCAN's (scikit-learn).

  python3 -c "$(cat campaigns.py)" SHARED_BENCH INCIDENT_DIR CAMPAIGNS.jsonl < SUSPECTS.jsonl

CAMPAIGNS is `weir campaigns --json --all`, SUSPECTS `weir hunt --json --all`. The unit is a distinct log content, as
score_ranking.py tells contents apart, of the suspects that the funnel left. Its kind is the one that most of its lines have
(malicious: most of its malicious lines), its cluster the step, or campaign, that most of its lines are in; what is left over
is one cluster. Two sets: malicious contents only, and all that were flagged, with benign as a kind of its own.

DBSCAN clusters the same contents on the same tokens: those of the evidence that weir shows, weighted by it, cosine distance,
min_samples 2; each eps of .1 to .9 is tried, and the best is told for each set: more than it could know.
"""
import collections, json, re, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import numpy as np
import score_ranking as truth
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_mutual_info_score as ami

incident = sys.argv[2]
inc = json.load(open(incident + '/incident.json'))
kinds = truth.read_truth(incident)
judged = {}
for log, row in truth.window_mask(inc, truth.read_logs(incident)):
    judged[log.file, row[0]] = log.content(row[2]), kinds.get((log.file, row[0]), 'benign')

units = {}
step = 0
campaigns = 0
for line in open(sys.argv[3]):
    c = json.loads(line)
    campaigns += not c['noise']
    for s in c['steps']:
        step += 1
        for x in s['lines']:
            content, kind = judged[truth.base(x['file']), x['line']]
            u = units.setdefault(content, [collections.Counter(), collections.Counter(), collections.Counter(), {}])
            u[0][kind] += 1
            u[1][step] += 1
            u[2][c['number']] += 1
place = re.compile(r'{"file":"([^"]*)","line":(\d+),')
for line in sys.stdin:
    if '"narrowed_by":null' in line:
        g = place.match(line)
        u = units[judged[truth.base(g[1]), int(g[2])][0]]
        if not u[3]:
            s = json.loads(line)
            u[3].update((e['token'], e['weight']) for e in s['evidence'] if e['weight'] > 0)

most = lambda c: c.most_common(1)[0][0]
names = {t: i for i, t in enumerate(sorted({t for u in units.values() for t in u[3]}))}
m = np.zeros((len(units), max(1, len(names))))
for i, u in enumerate(units.values()):
    for t, w in u[3].items():
        m[i, names[t]] = w
norm = np.linalg.norm(m, axis=1, keepdims=True)
norm[norm == 0] = 1
m /= norm
distance = np.clip(1 - m @ m.T, 0, 2)
flagged = [(most(u[0]), most(u[1]), most(u[2])) for u in units.values()]
bad = []
for i, u in enumerate(units.values()):
    k = collections.Counter({x: n for x, n in u[0].items() if x != 'benign'})
    if k:
        bad.append((i, most(k)))
at = [i for i, _ in bad]
out = {'contents': len(flagged), 'malicious': len(bad), 'steps': step, 'campaigns': campaigns}
out['steps_malicious'] = ami([k for _, k in bad], [flagged[i][1] for i in at])
out['steps_flagged'] = ami([x[0] for x in flagged], [x[1] for x in flagged])
out['campaigns_malicious'] = ami([k for _, k in bad], [flagged[i][2] for i in at])
out['dbscan_malicious'] = out['dbscan_flagged'] = -1
for eps in np.arange(.1, .95, .1):
    d = DBSCAN(eps=eps, min_samples=2, metric='precomputed').fit_predict(distance)
    out['dbscan_malicious'] = max(out['dbscan_malicious'], ami([k for _, k in bad], d[at]))
    out['dbscan_flagged'] = max(out['dbscan_flagged'], ami([x[0] for x in flagged], d))
print(json.dumps(out))
