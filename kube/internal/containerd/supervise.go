package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"k3os.io/kube/internal/loop"
	"k3os.io/kube/internal/timerslack"
)

// stopPatience is how long containerd may take to end when it is asked to.
const stopPatience = 3 * time.Second

// usualSlack is refused by some sandboxes; tests refuse it, too.
var usualSlack = timerslack.Usual

// Run keeps containerd running until ctx ends, then stops it. Pods do not depend on it: their shims live on and are
// found again. A containerd that cannot be started at all is an error; one that dies is started again.
func Run(ctx context.Context, configFile, logFile string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	pause := 100 * time.Millisecond
	for {
		started := time.Now()
		err := runOnce(ctx, exe, configFile, logFile)
		if ctx.Err() != nil {
			return nil
		}
		var died *exec.ExitError
		if err != nil && !errors.As(err, &died) {
			return fmt.Errorf("cannot start containerd: %w", err)
		}
		if time.Since(started) > time.Minute {
			pause = 100 * time.Millisecond
		}
		fmt.Fprintf(os.Stderr, "k3s: containerd ended (%v), starting it again in %v; its log is %s\n", err, pause, logFile)
		if !loop.Pause(ctx, pause) {
			return nil
		}
		pause = min(2*pause, 10*time.Second)
	}
}

func runOnce(ctx context.Context, exe, configFile, logFile string) error {
	log, err := openLog(logFile, logLimit)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, exe, "-c", configFile)
	cmd.Args[0] = "containerd"
	cmd.Stdout, cmd.Stderr = log, log
	// The shim lies beside this binary, or in the PATH.
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(exe)+":"+os.Getenv("PATH"), "GOMEMLIMIT=", "GOGC=50")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopPatience
	// When k3s is killed, so is containerd: a second one would wait for the first one's locks for ever. The kernel
	// sends the signal when the *thread* that started the child ends, hence the lock.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if restore, err := usualSlack(); err == nil { // pods have containerd's
		defer restore()
	} else {
		fmt.Fprintf(os.Stderr, "k3s: warning: containerd and pods start with timers that may be late: %v\n", err)
	}
	return cmd.Run()
}

// WaitReady returns when something answers on the socket.
func WaitReady(ctx context.Context, socket string) error {
	for {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", socket)
		if err == nil {
			return c.Close()
		}
		if !loop.Pause(ctx, 20*time.Millisecond) {
			return ctx.Err()
		}
	}
}
