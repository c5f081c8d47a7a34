package format

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What a table without a header must be like, so that lines of text with commas in them are none.
const (
	minBareColumns = 5
	minBareLines   = 5
	minNumbers     = 3  // one column in as many holds numbers
	maxShortName   = 40 // bytes of a name
	maxTables      = 16 // different ones that a Choice keeps
)

var separators = []byte{'\t', ';', '|', ','}

// A tableShape is how the lines of a file look, cut at one separator.
type tableShape struct {
	columns int // that all lines have; 0 where they have not as many
	lines   int
	numbers []int // by column: lines with a number or nothing there
	names   []int // by column: lines with a short word, a number or nothing there
	heading bool  // the first line, which is not counted in numbers and names, may be a header
	mark    byte
}

// shapesOf cuts all lines of the first bytes of a file at every separator.
func shapesOf(head []byte, whole bool) []tableShape {
	shapes := make([]tableShape, len(separators))
	for i, mark := range separators {
		s := &shapes[i]
		s.mark = mark
		rest := head
		for len(rest) > 0 && s.columns >= 0 {
			line, after, found := bytes.Cut(rest, []byte{'\n'})
			if !found && !whole && s.lines > 0 {
				break
			}
			rest = after
			if line = trimCSVLine(line); len(line) > 0 && !isSepLine(line) {
				s.add(splitRow(line, mark))
			}
		}
		s.columns = max(s.columns, 0)
	}
	return shapes
}

// add counts a line; columns is negative from the first that differs.
func (s *tableShape) add(cells []string) {
	if s.lines++; s.lines == 1 {
		s.columns = len(cells)
		s.numbers, s.names = make([]int, len(cells)), make([]int, len(cells))
	}
	if len(cells) != s.columns || len(cells) < 2 {
		s.columns = -1
		return
	}
	if s.lines == 1 && !slices.ContainsFunc(cells, isNumberCell) {
		s.heading = true
		return
	}
	for i, cell := range cells {
		switch {
		case isNumberCell(cell) || cell == "":
			s.numbers[i]++
			s.names[i]++
		case len(cell) <= maxShortName && !strings.ContainsAny(cell, " \t\"'<>()"):
			s.names[i]++
		}
	}
}

func isNumberCell(cell string) bool {
	if cell == "" {
		return false
	}
	c := cell[len(cell)-1]
	if !isDigit(c) && c != '.' {
		return false
	}
	_, err := strconv.ParseFloat(cell, 64)
	return err == nil
}

// tablesOf returns the tables that the files are, or nil where one of them is none.
func tablesOf(files []fileOpinion) []Table {
	var tables []Table
	var bare []*fileOpinion
	var names [][]string
	for i := range files {
		f := &files[i]
		if structured(f.own) && f.score >= f.table && f.score >= ownScore {
			continue // it is read as its own
		}
		if f.plan.header == nil || f.table < 0.95*0.95 {
			bare = append(bare, f)
			continue
		}
		var own []string
		for _, c := range f.plan.columns {
			own = append(own, c.name)
		}
		names = append(names, own)
		tables = addTable(tables, tableFrom(f.plan))
	}
	for _, n := range names { // headers that share no name are first lines of text
		if !slices.ContainsFunc(n, func(name string) bool { return slices.Contains(names[0], name) }) {
			return nil
		}
	}
	if len(bare) > 0 {
		if tables = addBare(tables, bare); tables == nil {
			return nil
		}
	}
	return tables
}

// addBare adds the table of files without a header, unless they have the columns of one with a header.
func addBare(tables []Table, files []*fileOpinion) []Table {
	for k, mark := range separators {
		columns, lines := 0, 0
		var numbers, names []int
		fits := true
		for _, f := range files {
			s := &f.cells[k]
			if columns == 0 {
				columns = s.columns
				numbers, names = make([]int, columns), make([]int, columns)
			}
			if fits = s.columns == columns && columns >= minBareColumns; !fits {
				break
			}
			counted := s.lines
			if s.heading { // a first line without a number is a record like any other here
				counted--
			}
			lines += counted
			for i := range columns {
				numbers[i] += s.numbers[i]
				names[i] += s.names[i]
			}
		}
		if !fits || lines < minBareLines {
			continue
		}
		of := 0
		for i := range columns {
			if numbers[i]*100 >= lines*98 {
				of++
			} else if names[i]*100 < lines*98 {
				fits = false
			}
		}
		if !fits || of*minNumbers < columns {
			continue
		}
		for _, t := range tables {
			if t.Comma == string(mark) && len(t.Columns) == columns {
				return tables
			}
		}
		plan := &csvPlan{comma: mark, dateColumn: -1, columns: nameColumns(nil, columns)}
		return addTable(tables, tableFrom(plan))
	}
	return nil
}

func addTable(tables []Table, t Table) []Table {
	for i := range tables {
		if tables[i].Comma == t.Comma && tables[i].Header == t.Header && len(tables[i].Columns) == len(t.Columns) {
			return tables
		}
	}
	if len(tables) == maxTables {
		return tables
	}
	return append(tables, t)
}

var columnKinds = [...]string{csvPlain: "", csvTime: "time", csvDate: "date", csvURL: "url"}

func tableFrom(p *csvPlan) Table {
	t := Table{Comma: string(p.comma), Header: string(p.header)}
	for _, c := range p.columns {
		t.Columns = append(t.Columns, Column{c.name, columnKinds[c.kind]})
	}
	return t
}

// plan is the reverse of tableFrom.
func (t *Table) plan() *csvPlan {
	p := &csvPlan{comma: ',', dateColumn: -1}
	if t.Comma != "" {
		p.comma = t.Comma[0]
	}
	if t.Header != "" {
		p.header = []byte(t.Header)
	}
	for i, c := range t.Columns {
		kind := csvKind(max(0, slices.Index(columnKinds[:], c.Kind)))
		if kind == csvDate {
			p.dateColumn = i
		}
		p.columns = append(p.columns, csvColumn{c.Name, kind})
	}
	if len(p.columns) == 0 { // a filter that somebody wrote by hand
		p.columns = nameColumns(nil, 1)
	}
	return p
}

// planLike finds out how a table is read like those of c. The warning says where it differs from them; it is empty if it
// does not.
func (c *Choice) planLike(sample [][]byte, o Options) (plan *csvPlan, warning string) {
	first := slices.IndexFunc(sample, func(line []byte) bool {
		line = trimCSVLine(line)
		return len(bytes.TrimSpace(line)) > 0 && !isSepLine(line)
	})
	own, score, _ := planCSV(sample, o)
	if first < 0 || len(c.Tables) == 0 {
		return own, ""
	}
	headed := func(p *csvPlan) *csvPlan { // the plan for a file whose first line is a header
		p.header, p.headerLine = bytes.Clone(trimCSVLine(sample[first])), int64(first)+1
		return p
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		p := t.plan()
		if p.header != nil && slices.Equal(splitRow(p.header, p.comma), splitRow(trimCSVLine(sample[first]), p.comma)) {
			return headed(p), ""
		}
	}
	hasHeader := own.header != nil && score > 0 && tellsHeader(sample[first:], own)
	var like *Table // the table with as many columns
	for i := range c.Tables {
		if t := &c.Tables[i]; like == nil && 5*rowsLike(sample, t) >= 4*countRows(sample) {
			like = t
		}
	}
	switch {
	case like != nil && !hasHeader:
		return like.plan(), ""
	case like != nil && like.Header == "":
		return headed(like.plan()), "its first line is a header, which the files that the filter was trained on had not: its " +
			"columns are taken in their order"
	case hasHeader:
		return own, "its columns are not those that the filter was trained on: " + columnsDiffer(c.Tables, own) +
			"; columns are taken by their names"
	}
	t := &c.Tables[0]
	return t.plan(), fmt.Sprintf("it has %s, the filter was trained on %d: lines with more or fewer cannot be read; give it "+
		"the same columns, or the header of the training files", counted(columnsOf(sample[first], t), "column"), len(t.Columns))
}

func columnsOf(line []byte, t *Table) int { return len(splitRow(trimCSVLine(line), t.plan().comma)) }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func countRows(sample [][]byte) (n int) {
	for _, line := range sample {
		if line = trimCSVLine(line); len(line) > 0 && !isSepLine(line) {
			n++
		}
	}
	return n
}

func rowsLike(sample [][]byte, t *Table) (n int) {
	for _, line := range sample {
		if line = trimCSVLine(line); len(line) > 0 && !isSepLine(line) && columnsOf(line, t) == len(t.Columns) {
			n++
		}
	}
	return n
}

// tellsHeader reports whether the first row is told from the others: where it has a name and they have numbers.
func tellsHeader(sample [][]byte, p *csvPlan) bool {
	first := splitRow(trimCSVLine(sample[0]), p.comma)
	numbers, rows := make([]int, len(first)), 0
	for _, line := range sample[1:] {
		cells := splitRow(trimCSVLine(line), p.comma)
		if len(cells) != len(first) {
			continue
		}
		rows++
		for i, cell := range cells {
			if isNumberCell(cell) {
				numbers[i]++
			}
		}
	}
	for i := range numbers {
		if rows > 0 && numbers[i]*10 >= rows*9 && !isNumberCell(first[i]) && first[i] != "" {
			return true
		}
	}
	return false
}

// isProse reports whether most separators have a blank after them, as they have within sentences.
func isProse(sample [][]byte, comma byte) bool {
	marks, blanks := 0, 0
	for _, line := range sample {
		marks += bytes.Count(line, []byte{comma})
		blanks += bytes.Count(line, []byte{comma, ' '})
	}
	return 2*blanks > marks
}

// columnsDiffer says which names are missing and which are new.
func columnsDiffer(tables []Table, own *csvPlan) string {
	have, trained := map[string]bool{}, map[string]bool{}
	for _, c := range own.columns {
		have[c.name] = true
	}
	var missing, fresh []string
	for _, c := range tables[0].Columns {
		if !have[c.Name] {
			missing = append(missing, c.Name)
		}
	}
	for i := range tables {
		for _, c := range tables[i].Columns {
			trained[c.Name] = true
		}
	}
	for _, c := range own.columns {
		if !trained[c.name] {
			fresh = append(fresh, c.name)
		}
	}
	text := fmt.Sprintf("it has %s, the filter was trained on %d", counted(len(own.columns), "column"), len(tables[0].Columns))
	for _, part := range []struct {
		what  string
		names []string
	}{{"missing", missing}, {"new", fresh}} {
		if n := len(part.names); n > 4 {
			text += fmt.Sprintf(", %s: %s and %d more", part.what, strings.Join(part.names[:4], ", "), n-4)
		} else if n > 0 {
			text += fmt.Sprintf(", %s: %s", part.what, strings.Join(part.names, ", "))
		}
	}
	return text
}
