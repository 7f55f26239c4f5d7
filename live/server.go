package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is a product that runs.
type server struct {
	url string
	log string
	cmd *exec.Cmd
}

// launch starts a product's server, which outlives an interrupt of ours until it is stopped.
func launch(dir, name string, env []string, cmd *exec.Cmd) (*server, error) {
	file := filepath.Join(dir, name+".log")
	log, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{log: file, cmd: cmd}, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
	}
}

// ready waits until the product answers a question of ours with what is expected.
func (s *server) ready(ctx context.Context, path, question, expected string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader([]byte(question)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		if res, err := http.DefaultClient.Do(req); err == nil {
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if bytes.Contains(body, []byte(expected)) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer within two minutes; see %s", s.log)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
