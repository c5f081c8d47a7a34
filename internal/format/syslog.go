package format

var syslog = Format{Name: "syslog"}
