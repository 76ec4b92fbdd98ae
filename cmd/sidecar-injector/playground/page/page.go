// Package page holds the playground's page. Its own modules, in site, are plain JavaScript and
// reach the browser as they stand; codemirror.js, the editor, is made of npm's packages and
// committed, so that neither go build nor go install needs npm.
package page

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed site codemirror.js
var files embed.FS

// Files are the page's files by name. The slices are the caller's.
func Files() (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, folder := range []string{".", "site"} {
		entries, err := fs.ReadDir(files, folder)
		if err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			name := entry.Name()
			if folder != "." {
				name = folder + "/" + name
			}
			if all[entry.Name()], err = fs.ReadFile(files, name); err != nil {
				return nil, fmt.Errorf("page: %w", err)
			}
		}
	}
	return all, nil
}
