#!/usr/bin/env python3
"""What scikit-learn, SciPy and mlpy make of small inputs, for the tests that hold weir to them.

    /usr/bin/python3 test/parity/oracle.py [DIRECTORY]      (default: testdata beside this script)

Made with Debian 12's python3-sklearn 1.2.1, python3-scipy 1.10.1, python3-numpy 1.24.2, python3-mlpy 3.5.0. All inputs
are drawn here, from numpy.random.RandomState with the seeds that stand in each case. Every file names the versions it was
made with. test/parity runs this again where the packages are there and compares.
"""

import ctypes
import json
import math
import os
import sys
import warnings

import mlpy
import numpy as np
import scipy
import scipy.sparse
import sklearn
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB

warnings.simplefilter("ignore")  # log(0) of an empty class; convergence that max_iter stops

VERSIONS = {"numpy": np.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__, "mlpy": mlpy.__version__}


def plain(x):
    """x as JSON has it; minus infinity is null."""
    if isinstance(x, np.ndarray):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) and math.isinf(x) and x < 0:
        return None
    return x


def sparse(X):
    return [[[int(j), row[j]] for j in np.flatnonzero(row)] for row in np.asarray(X)]


def naive_bayes():
    cases = []

    def case(name, seed, form, X, y, classes, weight=None, alpha=1.0, asked=None):
        X = np.asarray(X)
        weight = np.ones(len(y), int) if weight is None else np.asarray(weight)
        model = {"multinomial": MultinomialNB, "complement": ComplementNB, "bernoulli": BernoulliNB}[form](alpha=alpha)
        model.partial_fit(X, y, classes=np.arange(classes), sample_weight=weight)
        asked = X[:8] if asked is None else np.asarray(asked)
        joint = model._joint_log_likelihood(asked)
        cases.append({
            "name": name, "seed": seed, "form": form, "classes": classes, "tokens": X.shape[1], "alpha": alpha,
            "rows": sparse(X), "labels": y, "weights": weight, "asked": sparse(asked),
            "class_log_prior": model.class_log_prior_, "feature_log_prob": model.feature_log_prob_,
            "joint_log_likelihood": joint, "predicted": model.predict(asked),
            "probability": model.predict_proba(asked) if np.isfinite(joint).all() else [],
        })

    for form in ("multinomial", "complement", "bernoulli"):
        seed = 11
        r = np.random.RandomState(seed)
        values = 1 if form == "bernoulli" else 4
        draw = lambda n, t: np.minimum(r.poisson(0.6, (n, t)), values)
        X, y = draw(40, 12), r.randint(0, 2, 40)
        case("two classes", seed, form, X, y, 2)
        case("little smoothing", seed, form, X, y, 2, alpha=0.01)
        case("three classes, weights with zeros", seed, form, draw(50, 9), r.randint(0, 3, 50), 3, r.randint(0, 4, 50))
        case("an empty class", seed, form, draw(20, 6), 2 * r.randint(0, 2, 20), 3)
        case("one class", seed, form, draw(10, 5), np.zeros(10, int), 1)
        case("a single record", seed, form, draw(1, 5), np.array([1]), 2)
        case("empty records and a token that none has", seed, form, np.vstack([np.zeros((3, 5), int), draw(5, 5) * [1, 1, 0, 1, 1]]),
             r.randint(0, 2, 8), 2, asked=np.vstack([np.zeros((1, 5), int), np.ones((1, 5), int)]))
        wide = np.zeros((30, 400), int)
        for i in range(30):
            wide[i, r.choice(400, 6, replace=False)] = 1
        case("sparse rows", seed, form, wide, r.randint(0, 2, 30), 2)
        case("large counts", seed, form, draw(12, 6), r.randint(0, 2, 12), 2, r.randint(1, 2_000_000, 12))
    return cases


def isotonic():
    cases = []
    for name, seed, n, grid, binary, zeros in (
            ("labels", 21, 60, 1000, True, False),
            ("labels, ties, weights with zeros", 22, 80, 15, True, True),
            ("shares, ties, weights with zeros", 23, 50, 12, False, True),
            ("one record", 24, 1, 5, True, False),
            ("falling", 25, 20, 1000, True, False),
            ("level", 26, 10, 1, True, False)):
        r = np.random.RandomState(seed)
        x = r.randint(0, grid, n) / 8.0 - 1
        y = (r.rand(n) < (x - x.min() + 0.3) / (np.ptp(x) + 0.6)).astype(float) if binary else np.clip(r.rand(n) * (x + 1.2), 0, 1)
        if name == "falling":
            y = (x < np.median(x)).astype(float)
        w = r.randint(0 if zeros else 1, 5, n) / 2.0
        model = IsotonicRegression(out_of_bounds="clip").fit(x, y, w)
        asked = np.sort(np.concatenate([[x.min() - 3, x.max() + 3], x, x + 0.03]))
        cases.append({"name": name, "seed": seed, "x": x, "y": y, "weights": w, "asked": asked, "predicted": model.predict(asked)})
    return cases


def metrics():
    cases = []
    for name, seed, n, grid, share, most in (
            ("no ties", 31, 200, 10**9, 0.3, 1), ("ties", 32, 300, 12, 0.3, 1), ("ties and weights", 33, 250, 20, 0.2, 5),
            ("few bad", 34, 400, 50, 0.01, 1), ("one of each", 35, 2, 1000, None, 1), ("all scores equal", 36, 20, 1, 0.5, 3)):
        r = np.random.RandomState(seed)
        score = r.randint(0, grid, n) / grid
        y = np.array([0, 1]) if share is None else (r.rand(n) < share * (0.3 + 1.4 * score)).astype(int)
        y[0], y[-1] = 0, 1
        w = r.randint(1, most + 1, n)
        fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
        cases.append({
            "name": name, "seed": seed, "labels": y, "scores": score, "weights": w,
            "auc": roc_auc_score(y, score, sample_weight=w), "average_precision": average_precision_score(y, score, sample_weight=w),
            "fpr": fpr, "tpr": tpr, "brier": brier_score_loss(y, score)})
    return cases


def kmeans():
    cases = []

    def case(name, seed, X, centres, weight=None, most=300, csr=False):
        X, centres = np.asarray(X, float), np.asarray(centres, float)
        weight = np.ones(len(X)) if weight is None else np.asarray(weight, float)
        model = KMeans(len(centres), init=centres, n_init=1, max_iter=most, tol=0, algorithm="lloyd")
        model.fit(scipy.sparse.csr_matrix(X) if csr else X, sample_weight=weight)
        cases.append({"name": name, "seed": seed, "by": "sklearn", "rows": sparse(X), "columns": X.shape[1], "weights": weight,
                      "centres": centres, "most": most, "labels": model.labels_, "means": model.cluster_centers_,
                      "inertia": model.inertia_, "iterations": model.n_iter_})

    seed = 41
    r = np.random.RandomState(seed)
    blobs = np.vstack([r.randn(25, 4) + m for m in ([0, 0, 0, 0], [4, 0, 0, 1], [0, 5, 1, 0])])
    case("blobs", seed, blobs, blobs[[0, 1, 2]])
    case("blobs, weights with zeros", seed, blobs, blobs[[0, 30, 60]], r.randint(0, 4, 75))
    case("stopped after two rounds", seed, blobs, blobs[[1, 2, 3, 4, 5]], most=2)
    words = np.where(r.rand(60, 40) < 0.1, r.rand(60, 40), 0)
    words[7] = 0
    case("sparse rows", seed, words, words[[3, 14, 15, 9]], csr=True)
    case("a centre far from all", seed, blobs, np.vstack([blobs[[0, 30]], [[90, 90, 90, 90]]]))
    case("two centres far from all", seed, blobs, np.vstack([[[70, 90, 90, 90]], blobs[[0]], [[90, 90, 90, 90]]]), r.randint(1, 4, 75))
    case("a centre far from all, sparse", seed, words, np.vstack([words[[3, 14]], 9 * np.ones((1, 40))]), csr=True)
    case("two centres in one place", seed, blobs, blobs[[0, 0, 40]])
    case("copies", seed, np.repeat(blobs[:6], 4, axis=0), blobs[[0, 1, 2]])
    case("one centre", seed, blobs, blobs[[5]])
    case("as many centres as rows", seed, blobs[:6], blobs[:6])
    case("a single row", seed, blobs[:1], blobs[[40]])
    return cases + mlpy_kmeans()


def mlpy_kmeans():
    """mlpy.kmeans draws its first means itself: they are asked of the function of its library that draws them."""
    lib = ctypes.CDLL(sys.modules["mlpy.kmeans" if "mlpy.kmeans" in sys.modules else mlpy.kmeans.__module__].__file__)
    pointer = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
    cases = []
    for name, seed, plus, k in (("mlpy", 51, False, 4), ("mlpy, farthest first", 52, True, 4), ("mlpy, two", 53, False, 2)):
        r = np.random.RandomState(seed)
        X = np.ascontiguousarray(np.vstack([r.randn(20, 3) + m for m in ([0, 0, 0], [3, 0, 1], [0, 4, 0], [2, 2, 5])]))
        centres = np.zeros((k, 3))
        draw = lib.init_plus if plus else lib.init_std
        draw.argtypes = [pointer, pointer, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ulong]
        draw.restype = None
        draw(X, centres, len(X), 3, k, seed)
        labels, means, steps = mlpy.kmeans(X, k, plus=plus, seed=seed)
        assert len(set(labels.tolist())) == k, "an empty cluster: mlpy moves it to the origin, which weir does not"
        inertia = float(((X - means[labels]) ** 2).sum())
        cases.append({"name": name, "seed": seed, "by": "mlpy", "rows": sparse(X), "columns": 3, "weights": np.ones(len(X)),
                      "centres": centres, "most": 300, "labels": labels, "means": means, "inertia": inertia, "iterations": steps})
    return cases


def linkage():
    cases = []
    names = {"single": "single", "complete": "complete", "average": "average", "weighted": "mcquitty", "ward": "ward"}
    for size, seed in ((2, 61), (3, 62), (40, 63)):
        r = np.random.RandomState(seed)
        X = r.randn(size, 4) * [1, 2, 1, 3]
        d = pdist(X)
        for method, theirs in names.items():
            z = hierarchy.linkage(d.copy(), method)
            tree = mlpy.HCluster(method=theirs)
            square = method == "ward"
            tree.linkage((d ** 2 if square else d).copy())  # mlpy overwrites what it is given
            heights = tree._height[:size - 1]  # the last element is not set
            cuts = []
            for k in sorted({1, 2, max(1, size // 4), size}):
                at = 1e9 if k == 1 else (heights[size - k - 1] if k < size else 0) / 2 + heights[size - k] / 2
                cuts.append({"groups": k, "labels": tree.cut(at)})
            cases.append({"name": f"{method}, {size} items", "seed": seed, "linkage": method, "items": size, "rows": sparse(X),
                          "columns": 4, "distances": d, "scipy": z, "mlpy_heights": np.sqrt(heights) if square else heights,
                          "mlpy_cuts": cuts})
            if method in ("single", "ward"):
                fast = mlpy.MFastHCluster(method)
                fast.linkage(X)
                cases[-1]["mlpy_fast"] = fast.Z()
    return cases


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata")
    for make in (naive_bayes, isotonic, metrics, kmeans, linkage):
        with open(os.path.join(directory, make.__name__ + ".json"), "w") as f:
            cases = ",\n".join(json.dumps(plain(c), sort_keys=True) for c in make())
            f.write('{"versions": %s,\n"cases": [\n%s\n]}\n' % (json.dumps(VERSIONS, sort_keys=True), cases))


main()
