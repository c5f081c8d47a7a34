package beacon

import (
	"fmt"
	"math"
)

func (j *judge) warnings() (out []string) {
	if j.level > 0 {
		out = append(out, fmt.Sprintf("There are more pairs than fit: only one of %d, by hash, was looked at.", 1<<j.level))
	}
	if n := len(j.thin); n > 0 {
		out = append(out, fmt.Sprintf("Of pairs with over %d connections only the newest ones' times were kept (%d pairs); their totals are of all.", j.o.maxTimes(), n))
	}
	if j.joined > 0 {
		out = append(out, fmt.Sprintf("Names were tied to connections by their ids for one connection of %d; RITA's parts of names rest on these.", 1<<j.joined))
	}
	if j.cut > 0 {
		out = append(out, fmt.Sprintf("There are more registered domains than fit: tunnels were looked for in one of %d.", 1<<j.cut))
	}
	if j.events == 0 {
		out = append(out, "No record tells of a connection, a request, a TLS handshake or a DNS question.")
	}
	longest := int64(0)
	for _, x := range j.span {
		longest = max(longest, x.last-x.first)
	}
	if j.events > 0 && longest < 3600e9 {
		out = append(out, fmt.Sprintf("The logs cover %s; rhythms slower than a tenth of that cannot be told from chance.", shortSeconds(math.Max(float64(longest)/1e9, .001))))
	}
	return out
}
