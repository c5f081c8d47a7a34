package hunt

// Place returns where the i-th suspect stands, best first. It is what Suspect says too, without reading the line.
func (r *Result) Place(i int) (file string, line int64) {
	x := &r.a.list.rows[r.order[i]]
	return r.Summary.Files[x.file].Name, x.line
}
