package report

type evaluationView struct{}
