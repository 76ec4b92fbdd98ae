// Package page contains the playground's page and its handler. The page's own modules, in site, are plain
// JavaScript and are served unchanged; codemirror.js, the editor, is bundled from npm packages and
// committed, so that neither go build nor go install needs npm.
package page

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed site codemirror.js
var files embed.FS

// Files returns the page's files by name. The caller may modify the result.
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
