// Package schema holds the SDL, one file a domain.
package schema

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
)

//go:embed *.graphqls
var files embed.FS

// Print writes the SDL, file by file in order of name.
func Print(w io.Writer) error {
	names, err := fs.Glob(files, "*.graphqls")
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("schema: %w", err)
		}
		if _, err := fmt.Fprintf(w, "%s\n", raw); err != nil {
			return err
		}
	}
	return nil
}
