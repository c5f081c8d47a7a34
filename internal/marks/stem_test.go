package marks

import "testing"

func TestStem(t *testing.T) {
	for name, want := range map[string]string{
		"/var/log/access.log":               "/var/log/access.log",
		"/var/log/access.log.1":             "/var/log/access.log",
		"/var/log/access.log.12.gz":         "/var/log/access.log",
		"/var/log/access.log-20260301.gz":   "/var/log/access.log",
		"/var/log/access.log-2026030102.gz": "/var/log/access.log",
		"access.log.2026-03-01.zst":         "access.log",
		"access.log-2026-03-01.1":           "access.log",
		`C:\logs\u_ex_260301`:               "C:/logs/u_ex",
		"web-01":                            "web-01", // a host, and not what was rotated
		"web-02.gz":                         "web-02",
		"web_3":                             "web_3",
		"1":                                 "1",
		".1":                                ".1",
	} {
		if got := stem(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
