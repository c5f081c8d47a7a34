package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine says where the figures come from.
func machine(root string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- machine: %s, %d cores%s, %s/%s\n", processor(), runtime.NumCPU(), memory(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(&b, "- Go: %s\n", runtime.Version())
	fmt.Fprintf(&b, "- weir: %s\n", commit(root))
	fmt.Fprintf(&b, "- date: %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	return b.String()
}

// procValue returns the first value of a key in a file of /proc, or "".
func procValue(name, key string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func processor() string {
	if name := procValue("/proc/cpuinfo", "model name"); name != "" {
		return name
	}
	if out, err := exec.Command("sysctl", "-n", "machdep.cpu.brand_string").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	return "unknown processor"
}

func memory() string {
	var kb int64
	if _, err := fmt.Sscanf(procValue("/proc/meminfo", "MemTotal"), "%d kB", &kb); err != nil {
		return ""
	}
	return fmt.Sprintf(", %d GB", kb>>20)
}

func commit(root string) string {
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	c := git("log", "-1", "--format=%h, %cs")
	if c == "" {
		return "unknown commit"
	}
	if git("status", "--porcelain", "--untracked-files=no") != "" {
		c += ", with uncommitted changes"
	}
	return c
}
