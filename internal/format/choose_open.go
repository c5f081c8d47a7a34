package format

import (
	"errors"
	"fmt"
	"slices"

	"weir/internal/event"
)

// open returns the decoder for a file that starts with sample, read as c says. The warnings say why that may not be what
// the user wants.
func (c *Choice) open(sample [][]byte, o Options, keys *event.Keys) (found *Detection, d Decoder, warnings []string, err error) {
	o.Choice, o.Format = nil, ""
	if c.Layout != "" {
		o.Format = c.Layout
	}
	var formats []*Format
	for _, f := range All() {
		for _, name := range c.Formats {
			if f.Name == name {
				formats = append(formats, f)
			}
		}
	}
	if len(formats) == 0 || len(formats) != len(c.Formats) {
		return nil, nil, nil, errors.New("the filter names a format that this weir does not know: train it again, or use the " +
			"weir that made it")
	}
	found = &Detection{}
	for _, f := range formats { // the order of All decides between equals
		score, _ := f.Score(sample, o)
		if score > found.Score || found.Format == nil {
			found.Format, found.Score = f, score
		}
	}
	if w := c.differs(sample, found, o); w != "" {
		warnings = append(warnings, w)
	}
	switch found.Format {
	case &csvFormat:
		plan, warning := c.planLike(sample, o)
		if warning != "" && len(warnings) == 0 {
			warnings = append(warnings, warning)
		}
		d = newCSVDecoder(plan, o, keys)
	case &text:
		d = newTextDecoder(o, keys, c.Epoch)
	default:
		d, err = found.Format.New(sample, o, keys)
	}
	return found, d, warnings, err
}

// differs says that a file looks like a format that the filter has never seen, or is empty.
func (c *Choice) differs(sample [][]byte, as *Detection, o Options) string {
	o.Format = ""
	alone, err := Detect(sample, o)
	if err != nil {
		if !isBinary(sample) {
			return ""
		}
		return fmt.Sprintf("it looks like a binary file, but the filter was trained on %s: it is read as that; to judge files "+
			"as a whole, train a filter with --record file", c)
	}
	fails := as.Score < ownScore && structured(as.Format)
	if slices.Contains(c.Formats, alone.Format.Name) || !fails && (!structured(alone.Format) || alone.Score < sureScore ||
		alone.Score <= as.Score && as.Format != &text) {
		return ""
	}
	how := "its lines are read as that and say little"
	if as.Score < ownScore && as.Format != &text {
		how = "its lines cannot be read as that"
	}
	return fmt.Sprintf("it looks like %s, but the filter was trained on %s: %s; use a filter that was trained on such "+
		"files, or train this one on them too", alone.Format.Name, c, how)
}
