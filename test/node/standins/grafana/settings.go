package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
)

type settings struct {
	address        string
	user, password string // the administrator's
	provisioning   string // folder
}

// newSettings reads the file, if it exists. Variables take precedence.
func newSettings(path string, environ []string) (settings, error) {
	values, err := readINI(path)
	if err != nil {
		return settings{}, err
	}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GF_") {
			continue
		}
		if strings.HasSuffix(name, "__FILE") {
			return settings{}, fmt.Errorf("%s is not in this stand-in", name)
		}
		values[name] = value
	}
	get := func(name, fallback string) string {
		if value := values[name]; value != "" {
			return value
		}
		return fallback
	}
	return settings{
		address:      net.JoinHostPort(get("GF_SERVER_HTTP_ADDR", ""), get("GF_SERVER_HTTP_PORT", "3000")),
		user:         get("GF_SECURITY_ADMIN_USER", "admin"),
		password:     get("GF_SECURITY_ADMIN_PASSWORD", "admin"),
		provisioning: get("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning"),
	}, nil
}

// readINI returns the settings of a file under the names of the equivalent variables.
func readINI(path string) (map[string]string, error) {
	values := map[string]string{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return values, nil
	}
	if err != nil {
		return nil, err
	}
	section, number := "", 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = strings.TrimSpace(line[1 : len(line)-1])
		case !ok:
			return nil, fmt.Errorf("%s:%d: want a setting, got %q", path, number, line)
		default:
			values[variable(section, strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return values, nil
}

// variable returns the name of a setting's variable, such as GF_SECURITY_ADMIN_USER for the key admin_user in
// the section security.
func variable(section, key string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace("GF_" + section + "_" + key))
}
