package main

import (
	"fmt"

	"weir/internal/eval"
	"weir/internal/filter"
	"weir/internal/source"
)

func (f *labelFlags) openTruth(s *streams, args []string) (*labelled, error) {
	truth, err := labelsIn(f.truth)
	if err != nil {
		return nil, err
	}
	inputs, err := expand(s, args)
	if err != nil {
		return nil, err
	}
	names := namesOf(inputs)
	notes, err := truth.Check(names)
	if err != nil {
		return nil, err
	}
	return &labelled{inputs: inputs, notes: append(notes, truth.Rule()), kind: func(file int, line int64) string {
		_, kind, _ := truth.Label(names[file], line)
		return kind
	}, label: labelByTruth(truth, names)}, nil
}

func labelByTruth(truth *eval.Truth, names []string) func() filter.Labeller {
	return filter.ByPlace(func(file int, line int64) filter.Label {
		label, _, ok := truth.Label(names[file], line)
		switch {
		case !ok:
			return filter.Unlabelled
		case label == eval.Bad:
			return filter.Bad
		}
		return filter.Good
	})
}

func labelsIn(name string) (*eval.Truth, error) {
	in, err := source.File(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the truth: %w", err)
	}
	r, err := in.Open()
	if err != nil {
		return nil, fmt.Errorf("cannot read the truth: %w", err)
	}
	defer r.Close()
	truth, err := eval.ReadTruth(r)
	if err != nil {
		return nil, hintf(fmt.Errorf("%s: %w", name, err), "Every line is file,line,label and optionally kind; label is good or bad.")
	}
	return truth, nil
}
