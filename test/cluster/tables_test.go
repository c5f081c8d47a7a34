package cluster

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sparkTables makes tables of the web server's log: of its lines, and of its records with times, numbers and nested columns.
const sparkTables = `
from pyspark.sql import SparkSession, functions as f

spark = SparkSession.builder.master("local[2]").appName("tables").getOrCreate()
lines = spark.read.text("hdfs:///logs/nginx/access.log")
part = lambda n: f.regexp_extract("value", r'^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\d+) "[^"]*" "([^"]*)"', n)
records = lines.select(
    f.date_format(f.to_timestamp(part(2), "dd/MMM/yyyy:HH:mm:ss Z"), "yyyy-MM-dd'T'HH:mm:ssXXX").alias("time"), part(1).alias("remote_addr"),
    f.struct(part(3).alias("method"), part(4).alias("path")).alias("request"), part(5).cast("int").alias("status"), part(6).cast("bigint").alias("bytes"),
    part(7).alias("user_agent")).where("remote_addr <> ''")
records.write.json("file:HOME/records.json")
table = spark.read.json("file:HOME/records.json").withColumn("time", f.to_timestamp("time"))
lines.repartition(3).write.parquet("hdfs:///tables/lines")
table.repartition(3).write.parquet("hdfs:///tables/rows")
table.coalesce(1).write.option("parquet.block.size", 65536).parquet("hdfs:///tables/groups/host=web1")
table.where("status >= 400").coalesce(1).write.parquet("hdfs:///tables/failed")
table.coalesce(1).write.option("compression", "zstd").parquet("file:HOME/rows")
`

// TestTables: what Spark has written as Parquet, times as INT96 among it, is hunted in on Spark and Hadoop as on this machine.
func TestTables(t *testing.T) {
	needs(t)
	script := filepath.Join(home, "tables.py")
	if err := os.WriteFile(script, []byte(strings.ReplaceAll(sparkTables, "HOME", home)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := run("spark-submit", "--conf", "spark.sql.session.timeZone=UTC", "--conf", "spark.ui.enabled=false", script); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run("hadoop", "fs", "-chmod", "-R", "755", "/tables"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, kind := range []string{"lines", "rows"} {
		hunt := []string{"hunt", "--json", "--all", "--window", window, "hdfs:///tables/" + kind}
		want, said := must(t, hunt...)
		t.Log(said)
		if n := strings.Count(want, "\n"); n < 100 || strings.Count(want, `"time":"2026-02-25T0`) != n {
			t.Fatalf("the hunt in %s finds %d events", kind, n)
		}
		for _, engine := range []string{"spark", "hadoop"} {
			t.Run(kind+" on "+engine, func(t *testing.T) {
				got, said := must(t, on(engine, []string{"--reducers", "2"}, hunt...)...)
				if got != want {
					t.Errorf("the hunt differs from that of this machine: %d and %d bytes\n%s", len(got), len(want), said)
				}
				if n := counted(t, said, "map tasks"); n < 3 { // more where Hadoop tries one twice, being slow
					t.Errorf("%d map tasks for 3 files", n)
				}
			})
		}
	}
	testOneTable(t)
	// A table of this machine is the log that it was made of: records.json is in parts, whose lines are numbered anew, and
	// the table is one, perhaps in another order, so all events are compared.
	log, _ := must(t, "hunt", "--json", "--all", "--window", window, "records.json")
	table, said := must(t, "hunt", "--json", "--all", "--window", window, "rows")
	if a, b := findings(t, log), findings(t, table); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("%d events of the log, %d of the table, or other ones\n%s", len(a), len(b), said)
	}
	nothingLeft(t)
}

// testOneTable: tasks share a single table by its row groups, on Spark and Hadoop, and what they find, learn and judge is what this machine
// does.
func testOneTable(t *testing.T) {
	const dir = "hdfs:///tables/groups"
	hunt := []string{"hunt", "--json", "--all", "--window", window, dir}
	want, said := must(t, hunt...)
	if n := strings.Count(want, "\n"); n < 100 {
		t.Fatalf("the hunt finds %d events\n%s", n, said)
	}
	train := []string{"train", "--good", dir, "--bad", "hdfs:///tables/failed", "--filter"}
	must(t, append(train, "here.weir")...)
	score := []string{"score", "--json", "--filter", "here.weir", dir}
	scores, _ := must(t, score...)
	for _, engine := range []string{"spark", "hadoop"} {
		t.Run("one table on "+engine, func(t *testing.T) {
			got, said := must(t, on(engine, []string{"--maps", "6", "--reducers", "2"}, hunt...)...)
			if got != want {
				t.Errorf("the hunt differs from that of this machine: %d and %d bytes\n%s", len(got), len(want), said)
			}
			if n := counted(t, said, "map tasks"); n < 4 {
				t.Errorf("%d map tasks for a table of many row groups\n%s", n, said)
			}
			if engine == "hadoop" {
				if got, said := must(t, on(engine, []string{"--maps", "6"}, score...)...); got != scores {
					t.Errorf("scores differ: %d and %d bytes\n%s", len(got), len(scores), said)
				}
				return
			}
			must(t, on(engine, []string{"--maps", "6", "--reducers", "2"}, append(train, "there.weir")...)...)
			a, err := os.ReadFile(filepath.Join(home, "here.weir"))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(home, "there.weir")); err != nil || !bytes.Equal(a, b) {
				t.Errorf("the filters differ: %v", err)
			}
		})
	}
}

// findings are the lines of a hunt's JSON without what tells the file apart that they come from, in the order of what is left.
func findings(t *testing.T, out string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(out) {
		var f map[string]any
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		for _, name := range []string{"file", "line", "raw"} {
			delete(f, name)
		}
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	slices.Sort(all)
	return all
}
