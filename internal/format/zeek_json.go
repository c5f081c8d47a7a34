package format

var zeekJSON = Format{Name: "zeek-json"}
