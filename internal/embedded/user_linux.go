package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// credentials is the identity that the server runs under.
type credentials struct {
	uid, gid  int
	namespace bool
}

// nobody is the uid that a user namespace shows the server in place of root.
const nobody = 65534

// runAs chooses an identity that PostgreSQL accepts and that can reach the folders: ourselves
// unless we are root; else the folder's owner, the user behind sudo, postgres or nobody; else
// a user namespace in which we are not root.
func runAs(dir, bin string) (credentials, error) {
	if os.Getuid() != 0 {
		return credentials{uid: os.Getuid(), gid: os.Getgid()}, nil
	}
	// The owner of an existing cluster comes first: its files are already theirs.
	for _, path := range []string{filepath.Join(dir, "data"), dir} {
		if st, err := os.Stat(path); err == nil {
			if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 {
				return usable(int(sys.Uid), int(sys.Gid), dir, bin)
			}
		}
	}
	for _, name := range []string{os.Getenv("SUDO_USER"), "postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil || u.Uid == "0" {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if c, err := usable(uid, gid, dir, bin); err == nil {
			return c, nil
		}
	}
	return credentials{namespace: true}, nil
}

func usable(uid, gid int, dir, bin string) (credentials, error) {
	for _, path := range []string{filepath.Dir(dir), bin} {
		for p := path; ; p = filepath.Dir(p) {
			st, err := os.Stat(p)
			if err != nil {
				return credentials{}, err
			}
			sys, ok := st.Sys().(*syscall.Stat_t)
			if !ok || (st.Mode()&0o001 == 0 && int(sys.Uid) != uid) {
				return credentials{}, fmt.Errorf("user %d cannot enter %s", uid, p)
			}
			if p == "/" {
				break
			}
		}
	}
	return credentials{uid: uid, gid: gid}, nil
}

// own gives path, and the folder above it, to the identity.
func (c credentials) own(path string) error {
	if os.Getuid() != 0 || c.namespace {
		return nil
	}
	for _, p := range []string{filepath.Dir(path), path} {
		if err := os.Chown(p, c.uid, c.gid); err != nil {
			return fmt.Errorf("give %s to user %d: %w", p, c.uid, err)
		}
	}
	return nil
}

func (c credentials) apply(cmd *exec.Cmd, dieWithParent bool) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if dieWithParent {
		attr.Pdeathsig = syscall.SIGINT
	}
	switch {
	case c.namespace:
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	case os.Getuid() == 0:
		attr.Credential = &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.gid)}
	}
	cmd.SysProcAttr = attr
}

func lockThread() { runtime.LockOSThread() }
