package review

// near is how close to the best a question has to be to be as good: chance decides between such.
const near = .98

// A Question is what to ask next.
type Question struct {
	Item  int
	Drawn bool // for the estimate, not for what its answer saves
}

// Next returns the next question; ok is false where nothing is left to ask.
func (s *Study) Next() (q Question, ok bool) {
	asked := len(s.skipped)
	for _, a := range s.answers {
		if !a.Told {
			asked++
		}
	}
	if s.o.Draw > 0 && asked%s.o.Draw == s.o.Draw-1 {
		item, ok := s.best(s.gain)
		return Question{item, true}, ok
	}
	item, ok := s.best(s.Worth)
	return Question{item, false}, ok
}

// gain is by how much an answer is expected to shrink the variance of the estimate.
func (s *Study) gain(item int) float64 {
	x := s.now()
	c, n := x.cell[item], float64(s.items[item].Records)
	cov := x.cov[c] + float64(n*x.v[c]) + x.row[c] - float64(n*x.own[c])
	p := x.p[c]
	return float64(cov*cov) / float64(p*(1-p))
}

// best returns the open item of highest value; of those that are nearly as good, one by chance.
func (s *Study) best(value func(int) float64) (item int, ok bool) {
	values, most := make([]float64, len(s.items)), 0.0
	for i := range s.items {
		if s.done[i] == 0 {
			values[i] = value(i)
			most = max(most, values[i])
			ok = true
		}
	}
	least, found := uint64(0), false
	for i := range s.items {
		if s.done[i] != 0 || values[i] < near*most {
			continue
		}
		if h := mix(s.o.Seed ^ mix(uint64(i)+1)); !found || h < least {
			item, least, found = i, h, true
		}
	}
	return item, ok
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// few is how many of the next questions advice is about.
const few = 5

// Advice is whether going on pays.
type Advice struct {
	Next   float64 // what the next answers save in a minute, in expectation: the mean of the best five
	Minute float64 // what a minute costs
	GoOn   bool
}

// Advise weighs the next answers against the price of a minute, in the same currency.
func (s *Study) Advise(minute float64) Advice {
	var top [few]float64
	n := 0
	for i := range s.items {
		if s.done[i] != 0 {
			continue
		}
		n++
		w := s.Worth(i)
		for k := range top {
			if w > top[k] {
				w, top[k] = top[k], w
			}
		}
	}
	a := Advice{Minute: minute}
	for _, w := range top {
		a.Next += w
	}
	a.Next /= float64(max(1, min(n, few)))
	a.GoOn = n > 0 && a.Next > minute
	return a
}
