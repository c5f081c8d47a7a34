package main

import "errors"

func (f *labelFlags) openTruth(s *streams, args []string) (*labelled, error) {
	return nil, errors.New("todo")
}
