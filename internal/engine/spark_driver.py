"""Runs a job of weir on Spark. weir carries this file, and gives it to spark-submit.

    spark_driver.py SPLITS SETTINGS JOB REDUCERS COMBINE RESULT

Tasks are weir itself, through RDD.pipe: each line of SPLITS is a split of a log, which "weir map" opens; records are
sorted by their first two fields and partitioned by the first, as Hadoop does; "weir reduce" merges them. What was
reduced is written to RESULT, a file of this machine. SETTINGS has those of Spark that no list of processes is to show. Lines on standard output that begin with "weir:" are for weir.

A task that fails is run again by Spark; its output counts once, since what a task writes goes through its pipe alone.
"""
import json
import os
import subprocess
import sys
import threading
import zlib
from itertools import groupby

from pyspark import SparkConf, SparkContext, SparkFiles, StorageLevel, TaskContext

# What weir reads in its environment on the way to logs, and is passed on where the machine of a task does not have it itself.
PASSED = ["HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_USER_NAME", "KRB5_CONFIG", "KRB5CCNAME", "KRB5_CLIENT_KTNAME",
          "KRB5_KTNAME", "GOGC", "GOMEMLIMIT"]

# How many letters of records a task sorts at a time to merge those of one key before they leave its machine.
COMBINED = 64 << 20


def command(*arguments):
    """A shell line that runs weir, and afterwards writes what it said on standard error, each line behind a '!'.

    It is written when weir has ended, so that it is never in the middle of a record. Program and arguments come by the
    environment (see environment): no name of a file is ever part of a shell line.
    """
    script = ('e=$(mktemp 2>/dev/null || mktemp ./weir.XXXXXX); "$WEIR_BINARY" {a} 2>"$e"; s=$?; [ $s -eq 0 ] || echo; sed "s/^/!/" "$e"; '
              '[ $s -eq 0 ] || echo "!exit $s"; rm -f "$e"; exit $s').format(a=" ".join(arguments))
    return "sh -c '" + script + "'"


class Environment(dict):
    """The environment of weir in a task: that of the machine it runs on, which has its own directories and programs, and behind it
    what the one who asked has. RDD.pipe carries it to the tasks, where it is put together."""

    def __reduce__(self):
        return there, (dict(self),)


def there(asked):
    env = dict(os.environ)
    for name, value in asked.items():
        if name.startswith("WEIR_"):
            env[name] = value
        else:
            env.setdefault(name, value)
    env.setdefault("PATH", "/usr/bin:/bin")
    return env


def environment(weir, plan, job):
    env = Environment((name, os.environ[name]) for name in PASSED if name in os.environ)
    env.update(WEIR_BINARY=weir, WEIR_PLAN=plan, WEIR_JOB=job)
    return env


def failure(status, said):
    return RuntimeError("weir exited with %s: %s" % (status, " / ".join(said[-3:])))


class Counting:
    """Takes what weir said out of the records: counters go to an accumulator, errors fail the task."""

    def __init__(self, counters, stage):
        self.counters, self.stage = counters, stage

    def __call__(self, lines):
        said, task = [], TaskContext.get()
        for line in lines:
            if not line.startswith("!"):
                if line:
                    yield line
            elif line.startswith("!reporter:counter:weir,"):
                name, _, n = line[len("!reporter:counter:weir,"):].rpartition(",")
                if n.isdigit():
                    # Spark adds up what all attempts have counted, also those that it ran again for lost records.
                    self.counters.add({(name, self.stage, task.partitionId(), task.taskAttemptId()): int(n)})
            elif line.startswith("!exit "):
                raise failure(line[len("!exit "):], said)
            elif not line.startswith("!reporter:"):
                said.append(line[1:])


def totals(counters):
    """The counters by name, of each task what its fullest attempt has counted."""
    tasks = {}
    for (name, stage, partition, _), n in counters.items():
        key = (name, stage, partition)
        tasks[key] = max(tasks.get(key, 0), n)
    out = {}
    for (name, _, _), n in tasks.items():
        out[name] = out.get(name, 0) + n
    return out


def identity(line):
    """The first two fields of a record: what it is sorted by."""
    key, sub, _ = line.split("\t", 2)
    return key + "\t" + sub


def partition(key):
    """The reducer of a record: by its first field."""
    return zlib.crc32(key.split("\t", 1)[0].encode("ascii"))


class Combining:
    """Merges the records of one key that a task has written. Those that stand alone do not pass through weir again."""

    def __init__(self, env):
        self.env = env

    def __call__(self, lines):
        batch, size = [], 0
        for line in lines:
            batch.append(line)
            size += len(line)
            if size > COMBINED:
                yield from self.merged(batch)
                batch, size = [], 0
        yield from self.merged(batch)

    def merged(self, batch):
        batch.sort(key=identity)
        several = []
        for _, group in groupby(batch, identity):
            group = list(group)
            if len(group) == 1:
                yield group[0]
            else:
                several += group
        if several:
            yield from self.reduce(several)

    def reduce(self, lines):
        weir = subprocess.run([self.env["WEIR_BINARY"], "reduce", "--job", self.env["WEIR_JOB"]], env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, input=("\n".join(lines) + "\n").encode("ascii"))
        if weir.returncode != 0:  # as a shell would say it: 128 and the signal
            raise failure(weir.returncode if weir.returncode > 0 else 128 - weir.returncode, weir.stderr.decode("utf-8", "replace").splitlines())
        return weir.stdout.decode("ascii").splitlines()


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


def main(splits, settings, job, reducers, combine, result):
    from pyspark.accumulators import AccumulatorParam

    class Sums(AccumulatorParam):
        def zero(self, value):
            return {}

        def addInPlace(self, a, b):
            for name, n in b.items():
                a[name] = a.get(name, 0) + n
            return a

    conf = SparkConf().setAppName("weir " + job)
    with open(settings, encoding="utf-8") as lines:
        for line in lines:
            name, value = json.loads(line)
            conf.set(name, value)
    sc = SparkContext(conf=conf)
    sc.setLogLevel("WARN")
    counters = sc.accumulator({}, Sums())
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(sc, done), daemon=True)
    watcher.start()
    # Tasks of a cluster have weir in their working directory; those in this process have it where Spark put it.
    here = sc.master.split("[")[0] == "local"
    env = environment(SparkFiles.get("weir") if here else "./weir", SparkFiles.get("plan.json") if here else "plan.json", job)
    with open(splits) as lines:
        listed = [line.rstrip("\n") for line in lines]
    records = sc.parallelize(listed, max(1, len(listed)))
    records = (records.pipe(command("map", "--splits", "--plan", '"$WEIR_PLAN"'), env, checkCode=True)
               .mapPartitions(Counting(counters, "map")))
    if combine:
        records = records.mapPartitions(Combining(env))
    reduced = (records.map(lambda line: (identity(line), line))
               .repartitionAndSortWithinPartitions(reducers, partition)
               .map(lambda pair: pair[1])
               .pipe(command("reduce", "--job", '"$WEIR_JOB"'), env, checkCode=True)
               .mapPartitions(Counting(counters, "reduce")))
    if reducers > 1:  # the iterator below asks for one partition after the other
        reduced.persist(StorageLevel.DISK_ONLY).count()
    with open(result, "w", encoding="ascii", newline="\n") as out:
        for line in reduced.toLocalIterator():
            out.write(line + "\n")
    done.set()
    watcher.join()
    print("weir:counter map tasks,%d" % len(listed), flush=True)
    for name, n in sorted(totals(counters.value).items()):
        print("weir:counter %s,%d" % (name, n), flush=True)
    print("\nweir:ready", flush=True)  # Java may be in the middle of a line
    sc.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5] == "true", sys.argv[6])
