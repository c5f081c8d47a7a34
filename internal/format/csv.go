package format

var csvFormat = Format{Name: "csv"}
