package format

var eve = Format{Name: "eve"}
