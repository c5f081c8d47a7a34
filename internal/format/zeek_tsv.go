package format

var zeekTSV = Format{Name: "zeek-tsv"}
