package format

var ndjson = Format{Name: "ndjson"}
