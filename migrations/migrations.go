// Package migrations holds the numbered SQL that makes and changes the schema. A released
// file never changes.
package migrations

import "embed"

// Files are the migrations, for goose.
//
//go:embed *.sql
var Files embed.FS
