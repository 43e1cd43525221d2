package localcluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"github.com/katakv/katakv/internal/placement"
)

// Node is one node of a Cluster: a process that can come and go.
type Node struct {
	// ID is the node's number in the cluster.
	ID int
	placement.Addresses
	// Data is its data directory, Log the file that its processes log to.
	Data, Log string

	cluster *Cluster
	mu      struct {
		sync.Mutex
		process *process // the last one; nil before the first start
	}
}

// process is one start of a node.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // its end of file tells the process to stop
	done  chan struct{} // closed when it has ended
	err   error         // how it ended; read after done
	meant bool          // ended by a method of Node or Cluster; under Node.mu
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Args returns the arguments that start the node by hand, "serve" first.
func (n *Node) Args() []string {
	args := []string{
		"serve", "--data", n.Data,
		"--peer-listen", n.Peer, "--cluster-listen", n.Cluster, "--plain-listen", n.Plain, "--http-listen", n.HTTP,
	}
	if !onLoopback(n.Peer) {
		args = append(args, "--insecure-listen")
	}
	return append(args, n.cluster.options.ServeArgs...)
}

// PID returns the process id of the last start, zero before the first.
func (n *Node) PID() int {
	if p := n.last(); p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// Running reports whether the node's process lives, paused or not.
func (n *Node) Running() bool {
	p := n.last()
	return p != nil && !p.ended()
}

// Done returns a channel that is closed when the present process has ended; nil before the first start.
func (n *Node) Done() <-chan struct{} {
	if p := n.last(); p != nil {
		return p.done
	}
	return nil
}

func (n *Node) last() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.process
}

// Start starts the node's process. It fails when it runs already.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.mu.process; p != nil && !p.ended() {
		return fmt.Errorf("node %d runs already, as process %d", n.ID, p.cmd.Process.Pid)
	}
	if n.cluster.stopping() {
		return errors.New("the local cluster is stopping")
	}
	p, err := n.spawn()
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.ID, err)
	}
	n.mu.process = p
	n.cluster.group.Go(func() { n.wait(p) })
	return nil
}

// spawn starts a process.
func (n *Node) spawn() (*process, error) {
	if err := os.MkdirAll(filepath.Dir(n.Log), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(n.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(n.cluster.options.Binary, append(n.Args(), "--stop-on-stdin-eof")...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment(n.cluster.options.Nodes)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // Ctrl-C is for the parent, which stops its nodes in order
		Pdeathsig: syscall.SIGKILL, // ends a paused process too
	}
	if wrap := n.cluster.options.Wrap; wrap != nil {
		if err := wrap(n, cmd); err != nil {
			return nil, err
		}
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cluster.spawner.run(cmd.Start); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, stdin: stdin, done: make(chan struct{})}, nil
}

// processorsVariable is how many processors a Go program uses.
const processorsVariable = "GOMAXPROCS"

// environment gives each of several nodes its share of the machine's processors, unless the user chose. A process
// that takes all of them for itself spends much of its time on looking for work and waking threads: with three
// nodes on two processors a sixth of the processor time of a write.
func environment(nodes int) []string {
	env := os.Environ()
	if os.Getenv(processorsVariable) == "" {
		env = append(env, fmt.Sprintf("%s=%d", processorsVariable, max(1, runtime.NumCPU()/max(nodes, 1))))
	}
	return env
}

// wait notes the end of a process.
func (n *Node) wait(p *process) {
	p.err = p.cmd.Wait()
	close(p.done)
	n.mu.Lock()
	meant := p.meant
	n.mu.Unlock()
	n.cluster.exited(n, p, meant)
}

// Kill ends the process at once, as kill -9 does, and waits until it has ended. It stays down until Start.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL) }

// Terminate asks the process to stop, as kill does, and waits until it has. It stays down until Start.
func (n *Node) Terminate() error { return n.end(syscall.SIGTERM) }

// BeginKill is Kill without the wait: the process gets to do nothing more that it has not begun. A Kill after it waits.
func (n *Node) BeginKill() error {
	_, err := n.beginEnd(syscall.SIGKILL)
	return err
}

func (n *Node) end(signal syscall.Signal) error {
	p, err := n.beginEnd(signal)
	if err != nil {
		return err
	}
	<-p.done
	return nil
}

// beginEnd sends a signal that is to end the node's process.
func (n *Node) beginEnd(signal syscall.Signal) (*process, error) {
	n.mu.Lock()
	p := n.mu.process
	if p == nil || p.ended() {
		n.mu.Unlock()
		return nil, fmt.Errorf("node %d does not run", n.ID)
	}
	p.meant = true
	n.mu.Unlock()
	if err := n.signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, err
	}
	return p, nil
}

// Pause stops the process from running, as a debugger or an overloaded machine does.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(signal syscall.Signal) error {
	p := n.last()
	if p == nil {
		return fmt.Errorf("node %d does not run", n.ID)
	}
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal node %d: %w", n.ID, err)
	}
	return nil
}

// Restart ends the process as Kill does, if it runs, and starts it again.
func (n *Node) Restart() error {
	if n.Running() {
		if err := n.Kill(); err != nil && n.Running() {
			return err
		}
	}
	return n.Start()
}

// logTailBytes is how much of a log tells why a process ended.
const logTailBytes = 2 << 10

// LogTail returns the last lines that the node logged.
func (n *Node) LogTail() string {
	f, err := os.Open(n.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTailBytes {
		_, _ = f.Seek(-logTailBytes, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, logTailBytes))
	return string(data)
}
