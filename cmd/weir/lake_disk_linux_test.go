package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// onOwnDisk runs a shell script as root of a user namespace of its own, where it may mount file systems, in a directory with the
// logs of a small company. Standard functions: `disk SIZE` mounts an empty disk, `resize SIZE` changes its size, `fails TEXT
// COMMAND…` wants a command to fail and to say TEXT.
func onOwnDisk(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	must(t, "scenario", "--events", "1500", "--out", filepath.Join(dir, "company"))
	shell := `set -eu
disk() { mkdir -p disk && mount -t tmpfs -o "size=$1" tmpfs disk; }
resize() { mount -o "remount,size=$1" disk; }
fails() {
	text=$1; shift
	if "$@" >said 2>&1; then echo "it did not fail: $*"; cat said; exit 1; fi
	grep -q "$text" said || { echo "$* does not say: $text"; cat said; exit 1; }
}
`
	sh := func(script string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", shell+script)
		cmd.Dir = dir
		cmd.WaitDelay = time.Second
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		return cmd.CombinedOutput()
	}
	if out, err := sh("disk 64k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and this machine lets nobody mount a disk in a namespace: %v %s", err, out)
		}
		t.Skipf("\n\n*** SKIPPED: disks that are full or read-only are NOT tested: this machine lets nobody mount one in a namespace: %v %s\n\n", err, out)
	}
	if out, err := sh(script); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFullDisk ingests onto disks that are full after the first bytes, while the lake is made, in the middle of a batch and while
// marking: it is said each time, nothing is lost, and what was begun goes on when there is room.
func TestFullDisk(t *testing.T) {
	inFull(t)
	onOwnDisk(t, `
logs="company/zeek company/nginx company/auth.log"
window="2026-02-25 01:30/2026-02-25 04:30"
weir hunt --json --all --window "$window" $logs >want
for size in 4k 60k 150k 400k; do
	disk $size
	fails "no space left on device" weir ingest --lake disk/lake $logs
	grep -q "Make room" said
	resize 64m
	weir ingest --lake disk/lake $logs >said
	grep -q "events added" said
	weir verify --lake disk/lake >said || { cat said; exit 1; }
	weir hunt --lake disk/lake --json --all --window "$window" >got
	cmp want got
	umount disk
done

# A mark on a disk that others have filled. Old days can be let go by the command that the message names.
disk 64m
weir ingest --lake disk/lake $logs >said
weir mark bad --lake disk/lake --window "$window" >said
model=$(sha256sum disk/lake/models/* | cut -d " " -f 1)
dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null || true
fails "no space left on device" weir mark bad --lake disk/lake --window "2026-02-20/2026-02-21"
grep -q "Make room" said
weir hunt --lake disk/lake --json >said
weir verify --lake disk/lake >said || { cat said; exit 1; }
rm disk/filler
weir train --lake disk/lake >said
for id in $(weir marks --lake disk/lake | tail -n +2 | cut -d " " -f 1); do weir unmark --lake disk/lake $id >said; done
sha256sum disk/lake/models/* | grep -q $model || { echo "the model is not that of before"; exit 1; }
weir verify --lake disk/lake >said || { cat said; exit 1; }
printf '192.0.2.7 - - [27/Mar/2026:04:40:46 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"\n' >new.log
touch -d 2026-03-28 new.log
dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null || true
fails "no space left on device" weir ingest --lake disk/lake new.log
# SQLite wants some pages to let days go.
truncate -s -200k disk/filler
weir ingest --lake disk/lake --keep-size 1MB new.log >said || { cat said; exit 1; }
grep -q "1 event added" said
rm disk/filler
weir verify --lake disk/lake >said || { cat said; exit 1; }
`)
}

// TestReadOnlyDisk asks lakes that cannot be written. One was left by a process that was killed: what it had committed last is in
// SQLite's log only. The other is a copy of that, without the log's index.
func TestReadOnlyDisk(t *testing.T) {
	inFull(t)
	onOwnDisk(t, `
logs="company/zeek company/nginx company/auth.log"
window="2026-02-25 01:30/2026-02-25 04:30"
disk 64m
weir ingest --lake disk/lake $logs >said
weir ingest --lake disk/lake --follow company/auth.log >followed 2>&1 &
follower=$!
for i in 1 2 3 4 5 6 7 8 9 10; do # until it has the lake open for writing
	if [ -s disk/lake/lake.db-wal ]; then break; fi
	sleep 1
done
weir mark bad --lake disk/lake --window "$window" --note "in the log only" >said
kill -9 $follower
wait $follower || true
test -s disk/lake/lake.db-wal
cp -r disk/lake disk/copy
rm disk/copy/lake.db-shm
mkdir disk/empty
weir hunt --json --all --window "$window" $logs >want
mount -o remount,ro disk
for lake in disk/lake disk/copy; do
	weir status --lake $lake >said
	grep -q "marks *1," said || { cat said; exit 1; }
	grep -q "can only read it" said
	weir marks --lake $lake >said
	grep -q "in the log only" said
	weir hunt --lake $lake --json --all >got
	cmp want got
	weir verify --lake $lake >said || { cat said; exit 1; }
	fails "read-only" weir ingest --lake $lake company/nginx
	grep -q "It can be hunted in and asked still" said
	fails "read-only" weir mark bad --lake $lake --window 2026-02-25/2026-02-25
	fails "read-only" weir unmark --lake $lake 0123456789abcdef
	fails "read-only" weir train --lake $lake --half-life 9d
	fails "read-only" weir forget --lake $lake --where 'url.path == "/"' --yes
done
fails "cannot make a lake" weir ingest --lake disk/new company/nginx
fails "this user cannot write there" weir ingest --lake disk/empty company/nginx
fails "there is no lake" weir status --lake disk/new
`)
}
