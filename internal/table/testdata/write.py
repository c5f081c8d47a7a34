"""Writes tables with pyarrow and DuckDB, and beside them the lines that they are: KIND-*.parquet and KIND.ndjson."""
import datetime as dt
import decimal
import json
import random
import sys

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

out = sys.argv[1]
r = random.Random(1)


def strip(x):
    """Null members are left out, null elements are not."""
    if isinstance(x, dict):
        return {k: strip(v) for k, v in x.items() if v is not None}
    if isinstance(x, list):
        return [strip(v) for v in x]
    return x


def lines(kind, rows):
    with open("%s/%s.ndjson" % (out, kind), "w", encoding="utf-8") as f:
        for x in rows:
            f.write(json.dumps(strip(x), ensure_ascii=False, separators=(",", ":")) + "\n")


def time_of(i):
    t = dt.datetime(2024, 5, 1) + dt.timedelta(microseconds=i * 1234567)
    return t.isoformat().rstrip("0").rstrip(".") if t.microsecond else t.isoformat()


# Nested rows, in all codecs and encodings.
def row(i):
    return dict(
        time=time_of(i) + "Z", src="10.0.%d.%d" % (r.randrange(4), r.randrange(256)), port=r.randrange(65536), size=r.randrange(2**40),
        f=r.random() * 10 ** r.randrange(9), ok=r.random() < .5, msg='näme "%d"\n\x01\\' % i if i % 3 else None,
        tags=[r.choice(["a", "b", None]) for _ in range(r.randrange(4))] if i % 5 else None,
        nest=dict(a=i, b=dict(c="x%d" % i, d=None if i % 2 else [dict(k=j, v=[j] * j) for j in range(i % 4)])) if i % 7 else None,
        lol=[[j] * (j % 3) for j in range(i % 4)] if i % 11 else None, const="same", nothing=None)


rows = [row(i) for i in range(5000)]
lines("nested", rows)
schema = pa.schema([
    ("time", pa.timestamp("us", "UTC")), ("src", pa.string()), ("port", pa.uint16()), ("size", pa.int64()), ("f", pa.float64()),
    ("ok", pa.bool_()), ("msg", pa.string()), ("tags", pa.list_(pa.string())),
    ("nest", pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.string()), ("d", pa.list_(pa.struct([("k", pa.int8()), ("v", pa.list_(pa.int64()))])))]))])),
    ("lol", pa.list_(pa.list_(pa.int32()))), ("const", pa.string()), ("nothing", pa.string())])
table = pa.Table.from_pylist([dict(x, time=dt.datetime.fromisoformat(x["time"].replace("Z", "+00:00"))) for x in rows], schema=schema)
for version in ["1.0", "2.0"]:
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pq.write_table(table, "%s/nested-%s-v%s.parquet" % (out, codec, version), compression=codec, data_page_version=version, row_group_size=1300, data_page_size=4096)
    pq.write_table(table, "%s/nested-encodings-v%s.parquet" % (out, version), use_dictionary=False, data_page_version=version, data_page_size=3000, write_page_checksum=True,
                   use_compliant_nested_type=False, column_encoding={
        "src": "DELTA_BYTE_ARRAY", "msg": "DELTA_LENGTH_BYTE_ARRAY", "size": "DELTA_BINARY_PACKED", "port": "DELTA_BINARY_PACKED",
        "time": "DELTA_BINARY_PACKED", "f": "BYTE_STREAM_SPLIT", "ok": "RLE", "nest.a": "DELTA_BINARY_PACKED"})

# Types.
D = decimal.Decimal
values = [
    ("ms", pa.timestamp("ms", "Europe/Vienna"), dt.datetime(2024, 5, 1, 1, 2, 3, 450000, tzinfo=dt.timezone.utc), "2024-05-01T01:02:03.45Z"),
    ("naive", pa.timestamp("us"), dt.datetime(2024, 5, 1, 1, 2, 3), "2024-05-01T01:02:03"),
    ("before", pa.timestamp("us", "UTC"), dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=dt.timezone.utc), "1969-12-31T23:59:59.999999Z"),
    ("date", pa.date32(), dt.date(1900, 2, 28), "1900-02-28"),
    ("clock", pa.time64("us"), dt.time(23, 59, 1, 500), "23:59:01.0005"),
    ("clock32", pa.time32("ms"), dt.time(0, 0), "00:00:00"),
    ("dec", pa.decimal128(38, 4), D("-12345678901234567890123456789.0120"), D("-12345678901234567890123456789.0120")),
    ("small", pa.decimal128(5, 4), D("-0.0012"), D("-0.0012")),
    ("whole", pa.decimal256(60, 0), D("9" * 60), D("9" * 60)),
    ("u64", pa.uint64(), 2**64 - 1, 2**64 - 1), ("u32", pa.uint32(), 2**32 - 1, 2**32 - 1), ("u8", pa.uint8(), 255, 255),
    ("i8", pa.int8(), -128, -128), ("i64", pa.int64(), -2**63, -2**63),
    ("f32", pa.float32(), .25, .25), ("half", pa.float16(), None, None), ("nan", pa.float64(), float("nan"), "NaN"),
    ("inf", pa.float64(), float("-inf"), "-Infinity"), ("tiny", pa.float64(), 1.5e-7, "RAW1.5e-7"),
    ("text", pa.binary(), "zähl".encode(), "zähl"), ("bytes", pa.binary(), b"\xff\x00", "/wA="), ("fixed", pa.binary(3), b"abc", "abc"),
    ("large", pa.large_string(), "l", "l"), ("dict", pa.dictionary(pa.int8(), pa.string()), "d", "d"),
    ("map", pa.map_(pa.string(), pa.int32()), [("a", 1), ('b"', None)], {"a": 1, 'b"': "NULL"}),
    ("numbers", pa.map_(pa.int32(), pa.string()), [(1, "x"), (-2, "y")], {"1": "x", "-2": "y"}),
    ("none", pa.list_(pa.int32()), [], []),
]
arrays = []

for name, kind, value, _ in values:
    arrays.append(pa.array([np.float16(-1.5)], type=kind) if name == "half" else pa.array([value], type=kind))
types = pa.Table.from_arrays(arrays, names=[v[0] for v in values])




want = []
for name, _, _, text in values:
    if name == "half":
        text = "-1.5"
    elif isinstance(text, D):
        text = format(text, "f")
    elif isinstance(text, str) and text.startswith("RAW"):
        text = text[3:]
    else:
        text = json.dumps(text, ensure_ascii=False, separators=(",", ":")).replace('"NULL"', "null")
    want.append('"%s":%s' % (name, text))
with open(out + "/types.ndjson", "w", encoding="utf-8") as f:
    f.write("{" + ",".join(want) + "}\n")
pq.write_table(types, out + "/types-arrow.parquet", store_schema=False)
pq.write_table(types, out + "/types-plain.parquet", store_schema=False, use_dictionary=False)

# Times as old Spark wrote them, and nanoseconds.
stamps = pa.table({"t": pa.array([1714525323123456789, -1, 0], type=pa.timestamp("ns", "UTC"))})
lines("stamps", [{"t": t} for t in ["2024-05-01T01:02:03.123456789Z", "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z"]])
pq.write_table(stamps, out + "/stamps-int96.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(stamps, out + "/stamps-ns.parquet")

# DuckDB.
c = duckdb.connect()
c.execute("SET TimeZone='UTC'")
c.execute("""CREATE TABLE x AS SELECT i AS n, '10.0.0.' || (i % 9) AS src, (TIMESTAMP '2024-05-01 00:00:00' + INTERVAL (i) SECOND)::TIMESTAMPTZ AS t,
  CASE WHEN i % 3 = 0 THEN NULL ELSE {'a': i, 'b': [i, NULL]} END AS s, MAP {'k': i} AS m, (i / 8.0)::DOUBLE AS f,
  '00000000-0000-0000-0000-0000000000ff'::UUID AS id, (i * 1.25)::DECIMAL(9,2) AS d, '{"deep": {"er": 1}}'::JSON AS j FROM range(200000) r(i)""")
c.execute("COPY x TO '%s/duck-zstd.parquet' (FORMAT PARQUET, COMPRESSION ZSTD, ROW_GROUP_SIZE 30000)" % out)
c.execute("COPY x TO '%s/duck-default.parquet' (FORMAT PARQUET)" % out)
with open(out + "/duck.ndjson", "w") as f:
    for i in range(200000):
        t = (dt.datetime(2024, 5, 1) + dt.timedelta(seconds=i)).isoformat() + "Z"
        s = "" if i % 3 == 0 else '"s":{"a":%d,"b":[%d,null]},' % (i, i)
        f.write('{"n":%d,"src":"10.0.0.%d","t":"%s",%s"m":{"k":%d},"f":%s,"id":"00000000-0000-0000-0000-0000000000ff","d":%s,"j":{"deep":{"er":1}}}\n'
                % (i, i % 9, t, s, i, json.dumps(i / 8), format(D(i) * D("1.25"), ".2f")))
