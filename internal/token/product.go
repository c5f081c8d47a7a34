package token

import "strings"

// ProductTitle writes a browser with its system, as user_agent.name holds them, as people know it: Trident is the engine of
// Internet Explorer.
func ProductTitle(product string) string {
	if rest, ok := strings.CutPrefix(product, "Trident"); ok {
		return "Internet Explorer" + rest
	}
	return product
}
