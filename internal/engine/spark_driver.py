"""Runs a job of weir on Spark. weir carries this file, and gives it to spark-submit.

    spark_driver.py SPLITS JOB REDUCERS COMBINE RESULT

Tasks are weir itself, through RDD.pipe: each line of SPLITS is a split of a log, which "weir map" opens; records are
sorted by their first two fields and partitioned by the first, as Hadoop does; "weir reduce" merges them. What was
reduced is written to RESULT, a file of this machine. Lines on standard output that begin with "weir:" are for weir.

A task that fails is run again by Spark; its output counts once, since what a task writes goes through its pipe alone.
"""
import os
import sys
import threading
import zlib

from pyspark import SparkContext, SparkFiles

# What weir reads in its environment on the way to logs; RDD.pipe passes on nothing by itself.
PASSED = ["HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_USER_NAME", "KRB5_CONFIG", "KRB5CCNAME", "KRB5_CLIENT_KTNAME",
          "KRB5_KTNAME", "TMPDIR", "GOGC", "GOMEMLIMIT", "PATH"]


def command(path, arguments):
    """A shell line that runs weir, and afterwards writes what it said on standard error, each line behind a '!'.

    It is written when weir has ended, so that it is never in the middle of a record.
    """
    script = ('e=$(mktemp); "{w}" {a} 2>"$e"; s=$?; [ $s -eq 0 ] || echo; sed "s/^/!/" "$e"; '
              '[ $s -eq 0 ] || echo "!exit $s"; rm -f "$e"; exit $s').format(w=path, a=arguments)
    return "sh -c '" + script + "'"


class Counting:
    """Takes what weir said out of the records: counters go to an accumulator, errors fail the task."""

    def __init__(self, counters):
        self.counters = counters

    def __call__(self, lines):
        said = []
        for line in lines:
            if not line.startswith("!"):
                if line:
                    yield line
            elif line.startswith("!reporter:counter:weir,"):
                name, _, n = line[len("!reporter:counter:weir,"):].rpartition(",")
                if n.isdigit():
                    self.counters.add({name: int(n)})
            elif line.startswith("!exit "):
                raise RuntimeError("weir exited with %s: %s" % (line[len("!exit "):], " / ".join(said[-3:])))
            elif not line.startswith("!reporter:"):
                said.append(line[1:])


def identity(line):
    """The first two fields of a record: what it is sorted by."""
    key, sub, _ = line.split("\t", 2)
    return key + "\t" + sub


def partition(key):
    """The reducer of a record: by its first field."""
    return zlib.crc32(key.split("\t", 1)[0].encode("ascii"))


def by_identity(lines):
    return iter(sorted(lines, key=identity))


def watch(sc, done):
    """Says how far the job is."""
    last = None
    while not done.wait(1.0):
        tracker = sc.statusTracker()
        for stage in tracker.getActiveStageIds():
            info = tracker.getStageInfo(stage)
            if info:
                now = "weir:progress stage %d: %d of %d tasks" % (stage, info.numCompletedTasks, info.numTasks)
                if now != last:
                    print(now, flush=True)
                    last = now


def main(splits, job, reducers, combine, result):
    from pyspark.accumulators import AccumulatorParam

    class Sums(AccumulatorParam):
        def zero(self, value):
            return {}

        def addInPlace(self, a, b):
            for name, n in b.items():
                a[name] = a.get(name, 0) + n
            return a

    sc = SparkContext(appName="weir " + job)
    sc.setLogLevel("WARN")
    counters = sc.accumulator({}, Sums())
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(sc, done), daemon=True)
    watcher.start()
    # Tasks of a cluster have weir in their working directory; those in this process have it where Spark put it.
    here = sc.master.split("[")[0] == "local"
    weir = SparkFiles.get("weir") if here else "./weir"
    plan = SparkFiles.get("plan.json") if here else "plan.json"
    env = {name: os.environ[name] for name in PASSED if name in os.environ}
    env.setdefault("PATH", "/usr/bin:/bin")
    reduce_command = command(weir, "reduce --job " + job)
    take = Counting(counters)
    with open(splits) as lines:
        listed = [line.rstrip("\n") for line in lines]
    records = sc.parallelize(listed, max(1, len(listed)))
    records = records.pipe(command(weir, "map --splits --plan " + plan), env, checkCode=True).mapPartitions(take)
    if combine:
        records = records.mapPartitions(by_identity).pipe(reduce_command, env, checkCode=True).mapPartitions(take)
    reduced = (records.map(lambda line: (identity(line), line))
               .repartitionAndSortWithinPartitions(reducers, partition)
               .map(lambda pair: pair[1])
               .pipe(reduce_command, env, checkCode=True).mapPartitions(take))
    with open(result, "w", encoding="ascii", newline="\n") as out:
        for line in reduced.toLocalIterator():
            out.write(line + "\n")
    done.set()
    watcher.join()
    print("weir:counter map tasks,%d" % len(listed), flush=True)
    for name, n in sorted(counters.value.items()):
        print("weir:counter %s,%d" % (name, n), flush=True)
    sc.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "true", sys.argv[5])
