package embedded_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crossdock/internal/embedded"
)

// TestABundleIsUnpackedWhole, with the links that its package only lists, and nothing outside its folder;
// one that is not the pinned one is not used.
func TestABundleIsUnpackedWhole(t *testing.T) {
	t.Parallel()
	var raw bytes.Buffer
	gz := gzip.NewWriter(&raw)
	tw := tar.NewWriter(gz)
	for name, text := range map[string]string{
		"package/native/bin/postgres":          "the server",
		"package/native/lib/libicuuc.so.60.2":  "a library",
		"package/native/pg-symlinks.json":      `[{"source":"native/lib/libicuuc.so.60.2","target":"native/lib/libicuuc.so.60"}]`,
		"../../../crossdock-leaves-its-folder": "no",
	} {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, root := filepath.Join(dir, "bundle.tgz"), filepath.Join(dir, "deep", "root")
	if err := os.WriteFile(file, raw.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(raw.Bytes())
	if err := embedded.Verify(file, base64.StdEncoding.EncodeToString(sum[:])); err != nil {
		t.Error(err)
	}
	if err := embedded.Verify(file, base64.StdEncoding.EncodeToString(make([]byte, 64))); err == nil || !strings.Contains(err.Error(), "not the pinned one") {
		t.Errorf("another bundle is %v", err)
	}
	if err := embedded.Unpack(file, root); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "package/native/lib/libicuuc.so.60")); err != nil || string(text) != "a library" {
		t.Errorf("the link leads to %q, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(root, "package/native/bin/postgres")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("the server is %v, %v", info, err)
	}
	for up := dir; up != "/"; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "crossdock-leaves-its-folder")); err == nil {
			t.Errorf("an entry has left its folder for %s", up)
		}
	}
}
