package format

var text = Format{Name: "text"}
