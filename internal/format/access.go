package format

var access = Format{Name: "access"}
