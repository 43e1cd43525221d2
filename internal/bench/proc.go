package bench

import (
	"bytes"
	"fmt"
	"io/fs"
	"strconv"
	"time"
)

const (
	// tick is the unit of CPU times in /proc: USER_HZ, which is 100 on every Linux that Go runs on.
	tick = 10 * time.Millisecond

	// pageBytes is the unit of sizes in /proc/PID/stat on the platforms of Debian's servers.
	pageBytes = 4096
)

// usage is what a process has used so far.
type usage struct {
	pid      int
	started  uint64 // ticks since boot: tells a process from a later one with its pid
	cpu      time.Duration
	rssBytes int64
}

// readUsage reads /proc/PID/stat: user and system time of all threads, those that ended included.
// Source: proc_pid_stat(5).
func readUsage(proc fs.FS, pid int) (usage, error) {
	data, err := fs.ReadFile(proc, strconv.Itoa(pid)+"/stat")
	if err != nil {
		return usage{}, fmt.Errorf("read what process %d used: %w", pid, err)
	}
	// The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
	name := bytes.LastIndexByte(data, ')')
	if name < 0 {
		return usage{}, fmt.Errorf("read what process %d used: no name in %q", pid, data)
	}
	fields := bytes.Fields(data[name+1:])
	var numbers [4]uint64
	for i, index := range [4]int{14, 15, 22, 24} { // utime, stime, starttime, rss; counted from 1
		if len(fields) <= index-3 {
			return usage{}, fmt.Errorf("read what process %d used: only %d fields", pid, len(fields)+2)
		}
		numbers[i], err = strconv.ParseUint(string(fields[index-3]), 10, 63)
		if err != nil {
			return usage{}, fmt.Errorf("read what process %d used: field %d: %w", pid, index, err)
		}
	}
	return usage{
		pid: pid, started: numbers[2], cpu: time.Duration(numbers[0]+numbers[1]) * tick,
		rssBytes: int64(numbers[3]) * pageBytes,
	}, nil
}

// readBusy returns the CPU time of everything on the machine, idle time apart, from the first line of /proc/stat.
func readBusy(proc fs.FS) (time.Duration, error) {
	data, err := fs.ReadFile(proc, "stat")
	if err != nil {
		return 0, fmt.Errorf("read what the machine used: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	// cpu user nice system idle iowait irq softirq steal
	if len(fields) < 8 || string(fields[0]) != "cpu" {
		return 0, fmt.Errorf("read what the machine used: no line of all processors: %q", line)
	}
	var ticks uint64
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseUint(string(fields[i]), 10, 63)
		if err != nil {
			return 0, fmt.Errorf("read what the machine used: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// meter reads what the servers, this process and the whole machine have used.
type meter struct {
	proc fs.FS
	pids []int
}

// reading is one moment.
type reading struct {
	servers []usage
	self    time.Duration
	busy    time.Duration
}

// read returns an error when a server is gone. Without a /proc it reads nothing.
func (m *meter) read() (reading, error) {
	var r reading
	if m.proc == nil {
		return r, nil
	}
	for _, pid := range m.pids {
		server, err := readUsage(m.proc, pid)
		if err != nil {
			return r, err
		}
		r.servers = append(r.servers, server)
	}
	self, err := fs.ReadFile(m.proc, "self/stat")
	if err != nil {
		return r, fmt.Errorf("read what the load generator used: %w", err)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(self[:max(bytes.IndexByte(self, ' '), 0)])))
	if err != nil {
		return r, fmt.Errorf("read what the load generator used: %w", err)
	}
	own, err := readUsage(m.proc, pid)
	if err != nil {
		return r, err
	}
	r.self = own.cpu
	r.busy, err = readBusy(m.proc)
	return r, err
}

// spent fills in what was used between two readings, which lie a little less or more apart than the measured time.
func (r *Result) spent(before, after reading, apart time.Duration) error {
	var servers time.Duration
	for i := range after.servers {
		from, to := before.servers[i], after.servers[i]
		if from.started != to.started {
			return fmt.Errorf("process %d is not the one that was there before: a server ended during the run", to.pid)
		}
		servers += to.cpu - from.cpu
		r.Servers = append(r.Servers, Server{
			PID: to.pid, CPUMicros: (to.cpu - from.cpu).Microseconds(), RSSBytes: to.rssBytes,
		})
		r.ServerRSSBytes += to.rssBytes
	}
	r.ServerCores = servers.Seconds() / apart.Seconds()
	r.ClientCores = (after.self - before.self).Seconds() / apart.Seconds()
	r.OtherCores = (after.busy-before.busy).Seconds()/apart.Seconds() - r.ServerCores - r.ClientCores
	if r.Operations > 0 {
		r.ServerMicrosPerOperation = r.ServerCores * r.Seconds * 1e6 / float64(r.Operations)
	}
	return nil
}
