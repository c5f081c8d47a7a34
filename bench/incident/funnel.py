# What the funnel removed: - JUDGE_DIR INCIDENT_DIR RANKING. Prints JSON. The logs are read by the judge's own parser.
import json, os, sys

sys.path.insert(0, sys.argv[1])
import score_ranking as judge

incident, ranking = sys.argv[2], sys.argv[3]
narrowed = {}
with judge.open_text(ranking) as f:
    for line in f:
        r = json.loads(line)
        narrowed[judge.base(r['file']), int(r['line'])] = bool(r['narrowed_by'])

truth = judge.read_truth(incident)
benign, malicious, kinds = {}, set(), {}  # content -> all its events are flagged; contents; kind -> likewise
with open(os.path.join(incident, 'incident.json')) as f:
    window = json.load(f)
for log, (n, _, v) in judge.window_mask(window, judge.read_logs(incident)):
    key = log.file, n
    flagged = narrowed.get(key, True)  # an event that is not ranked is as good as removed
    if key in truth:
        malicious.add(log.content(v))
        kinds[truth[key]] = kinds.get(truth[key], True) and flagged
    else:
        c = log.content(v)
        benign[c] = benign.get(c, True) and flagged
benign = {c: flagged for c, flagged in benign.items() if c not in malicious}
print(json.dumps({'benign': len(benign), 'removed': sum(benign.values()), 'kinds': len(kinds),
                  'lost': sorted(k for k, flagged in kinds.items() if flagged)}))
