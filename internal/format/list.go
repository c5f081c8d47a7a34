package format

// All lists every format, in the order in which equal detection scores are decided. It is the one place where a format
// is registered.
func All() []*Format {
	return []*Format{&zeekTSV, &zeekJSON, &eve, &access, &syslog, &w3c, &vpcflow, &cloudtrail, &journald, &winevent, &ndjson, &csvFormat, &text}
}
