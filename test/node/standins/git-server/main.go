// Command git-server serves the repositories of a folder over HTTP, by git's own http-backend. It takes the
// place of a hosting service such as GitHub.
//
//	git-server PORT FOLDER
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func serve(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("arguments %q: want PORT FOLDER", args)
	}
	folder, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return fmt.Errorf("git: %w", err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(folder)), "git-http-backend"),
		Root: "/",
		Env: []string{
			"GIT_PROJECT_ROOT=" + args[1], "GIT_HTTP_EXPORT_ALL=1",
			// The repositories may be owned by another user.
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		InheritEnv: []string{"PATH"},
	}
	server := &http.Server{Addr: ":" + args[0], Handler: backend, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}
