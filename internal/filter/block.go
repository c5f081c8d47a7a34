package filter

// Examples travel in blocks: those of one class that a task has found, each content once, in the order of the log, so that what
// stands beside each other is alike. A block has what an example's tokens, its content and its near content follow from (features), by
// column. A pair of two features of the example costs nothing; nor does a value that stands beside its neighbour as it did before.
// Then it is packed. Before that:
//
//	class      0 good, 1 bad
//	fields     how many, each its name
//	shapes     how many, each the fields of an example's features, and what tells them:
//	             field of the sender + 1, or 0
//	             how many features, each: field × 3 + way, [left side], [right side]
//	               way 0  a column
//	               way 1  a pair of two sides
//	               way 2  a pair of a side and of a text, which is a column
//	               a side is the place of a feature × 2 + whether its text is hashed as a side (token.Codifier.SideHash)
//	             by column (sender, then features): the column that is its neighbour + 1, or 0
//	features   by field, then texts of sides: how many, how they are told (all alike, or each), [lengths], [bytes], [hashes and items]
//	n          examples
//	by example: shape; count − 1; flags where any has some (untimed); time (differences, in units of what divides them all)
//	by shape, column and example:
//	             0  as expected: what stood beside the same neighbour last, or, where that is new, something new
//	             1  something new: the next of its field
//	             2  what the example before has
//	             3 + its number in its field
//
// Numbers without a width are unsigned varints, differences signed ones.
const (
	maxBlockExamples = 1 << 16
	maxShape         = 1 << 9 // features of an example
	// After so many, no example begins.
	maxBlockFields   = 1 << 14
	maxBlockPlaces   = 1 << 18 // of all shapes
	maxBlockFeatures = 1 << 18
)

// Ways in which a shape tells a feature.
const (
	ofColumn = iota
	ofSides
	ofText
	numWays
)

// A place is where a feature stands in a shape.
type place struct {
	field       int // of the block
	way         int
	left, right int // sides; −1 for none
}

// A column of a shape. Examples that lack it are of another shape.
type column struct {
	dict      int // what its values are numbers of: a field, or the texts of sides, which come after all fields
	key       int // what it is expected by: fields first, then fields of pairs
	neighbour int // another column of the shape before it, −1 for none
}

// A shape is what examples with features of the same fields, which are told in the same way, have in common.
type shape struct {
	sender  int // field, or −1
	places  []place
	columns []column
	rows    []int32
}

// lay makes the columns.
func (s *shape) lay(fields int) {
	s.columns = s.columns[:0]
	if s.sender >= 0 {
		s.columns = append(s.columns, column{s.sender, s.sender, -1})
	}
	for _, p := range s.places {
		switch p.way {
		case ofColumn:
			s.columns = append(s.columns, column{p.field, p.field, -1})
		case ofText:
			s.columns = append(s.columns, column{fields, fields + p.field, -1})
		}
	}
}

// An expectation is what stood beside what. Its memory is bounded: what meets in it is forgotten.
type expectation struct {
	slots []expected
	last  []uint32 // by key of a column: number + 1 of the example before
}

type expected struct {
	tag   uint64
	value uint32 // number + 1
}

const expectBits = 16

func newExpectation(keys int) *expectation {
	return &expectation{make([]expected, 1<<expectBits), make([]uint32, keys)}
}

// slot returns what is expected of a column beside the value of another, 0 for something new.
func (x *expectation) slot(key, neighbour int, value uint32) *uint32 {
	tag := uint64(key+1)<<44 | uint64(neighbour+1)<<20 ^ uint64(value)*0x9E3779B97F4A7C15
	s := &x.slots[(tag^tag>>29)*0xD6E8FEB86659FD93>>(64-expectBits)]
	if s.tag != tag {
		*s = expected{tag: tag}
	}
	return &s.value
}

// Codes of a cell.
const (
	cellExpected = iota
	cellNew
	cellAgain
	cellNumber
)
