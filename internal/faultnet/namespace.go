package faultnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Wrap changes a command that was not started yet so that its process lives in the network of a node. The process
// keeps its own id, mounts and parent-death signal: the helper that enters the namespace becomes the program.
//
// The helper is nsenter and not `ip netns exec`: that one also gives the process mounts of its own, and a disk that
// is unmounted here would live on in all of them.
func (n *Network) Wrap(cmd *exec.Cmd, node int) error {
	if err := n.valid(false, node); err != nil {
		return err
	}
	if cmd.Err != nil {
		return cmd.Err
	}
	enter, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	args := []string{enter, "--net=" + filepath.Join(namespaceDir, n.Namespace(node)), "--", cmd.Path}
	if len(cmd.Args) > 0 {
		args = append(args, cmd.Args[1:]...)
	}
	cmd.Path, cmd.Args = enter, args
	return nil
}

// Command returns a command to run in the network of a node; ctx ends it as in exec.CommandContext. What is wrong
// with it comes out when it is started.
func (n *Network) Command(ctx context.Context, node int, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Err = n.Wrap(cmd, node)
	return cmd
}

// In calls f on a thread that is in the network of a node: sockets that f opens and processes that it starts
// itself live there, goroutines that it starts do not. It is called on the caller's thread, so a process that f
// starts has that thread for a parent.
func (n *Network) In(node int, f func() error) error {
	if err := n.valid(false, node); err != nil {
		return err
	}
	return within(n.Namespace(node), f)
}

// within calls f in a namespace.
func within(space string, f func() error) error {
	runtime.LockOSThread() // until the thread is back
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer here.Close()
	if err := enter(space); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", space, err)
	}
	failed := f()
	if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
		// A locked thread ends with its goroutine and serves no other.
		return errors.Join(failed, fmt.Errorf("leave network namespace %s: %w", space, err))
	}
	runtime.UnlockOSThread()
	return failed
}

func enter(space string) error {
	there, err := os.Open(filepath.Join(namespaceDir, space))
	if err != nil {
		return err
	}
	defer there.Close()
	return unix.Setns(int(there.Fd()), unix.CLONE_NEWNET)
}
