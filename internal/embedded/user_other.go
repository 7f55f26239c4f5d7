//go:build !linux

package embedded

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

type credentials struct{}

func runAs(_, _ string) (credentials, error) {
	if os.Getuid() == 0 {
		return credentials{}, errors.New("PostgreSQL refuses to run as root here: run Crossdock as an ordinary user")
	}
	return credentials{}, nil
}

func (credentials) own(string) error { return nil }

func (credentials) apply(cmd *exec.Cmd, _ bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func lockThread() {}
