package testcluster

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestListensOnLoopbackOnly(t *testing.T) {
	c := shared.Cluster(t)
	pids, err := c.Processes()
	if err != nil {
		t.Fatal(err)
	}
	pids["etcd and supervisor"] = parent(t, pids["kwok"])
	listening := 0
	for name, pid := range pids {
		for _, addr := range listeners(t, pid) {
			listening++
			if !addr.Addr().IsLoopback() {
				t.Errorf("%s listens on %s", name, addr)
			}
		}
	}
	if listening != 1 {
		t.Errorf("%d sockets listen, want that of the API server only", listening)
	}
}

// listeners returns the addresses on which a process takes TCP connections or
// UDP packets.
func listeners(t *testing.T, pid int) []netip.AddrPort {
	t.Helper()
	entries, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	inodes := map[string]bool{}
	for _, entry := range entries {
		if link, err := os.Readlink(entry); err == nil && strings.HasPrefix(link, "socket:[") {
			inodes[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] = true
		}
	}
	if len(inodes) == 0 {
		t.Fatalf("process %d has no sockets at all", pid)
	}
	var found []netip.AddrPort
	const tcpListen, udpUnconnected = "0A", "07"
	for table, state := range map[string]string{"tcp": tcpListen, "tcp6": tcpListen, "udp": udpUnconnected, "udp6": udpUnconnected} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6 on this machine
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			// sl local_address rem_address st queues tr retrnsmt uid timeout inode
			if f := strings.Fields(line); len(f) > 9 && f[3] == state && inodes[f[9]] {
				found = append(found, parseAddr(t, f[1]))
			}
		}
	}
	return found
}

// parseAddr reads an address as the kernel shows it: words in the byte order of
// the machine, in hexadecimal.
func parseAddr(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for word := range len(raw) / 4 {
		b := raw[4*word : 4*word+4]
		binary.BigEndian.PutUint32(b, binary.NativeEndian.Uint32(b))
	}
	addr, ok := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		t.Fatalf("not an address: %s", s)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number))
}

// stat returns the fields of /proc/<pid>/stat after the name of the program:
// state, parent, …
func stat(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])), nil
}

func parent(t *testing.T, pid int) int {
	t.Helper()
	fields, err := stat(pid)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// ended says whether a process has ended, even if nobody has asked for its
// result yet.
func ended(pid int) bool {
	fields, err := stat(pid)
	return err != nil || fields[0] == "Z" || fields[0] == "X"
}
