package main

import v1 "github.com/google/go-containerregistry/pkg/v1"

const (
	pauseImage = "node.local/pause:1"
	meshImage  = "node.local/mesh:1"
)

// images returns all images of the node. A program under standins/ documents which behaviour of the original
// it has; users and entry points are those of the real images.
func images() []image {
	nginx := `worker_processes 1;
pid /tmp/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
  include /etc/nginx/mime.types;
  access_log /var/log/nginx/access.log;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  include /etc/nginx/conf.d/*.conf;
}
`
	return []image{
		{ref: pauseImage, programs: map[string]string{"/pause": "pause"}, config: v1.Config{Entrypoint: []string{"/pause"}}},

		// The sidecars of the built-in templates.
		{ref: "cr.fluentbit.io/fluent/fluent-bit:5.1.1", programs: map[string]string{"/fluent-bit/bin/fluent-bit": "fluent-bit"},
			config: v1.Config{Entrypoint: []string{"/fluent-bit/bin/fluent-bit"}}},
		{ref: "docker.io/rclone/rclone:1.76", busybox: true, programs: map[string]string{"/usr/local/bin/rclone": "rclone"},
			config: v1.Config{Entrypoint: []string{"rclone"}, WorkingDir: "/data", Env: []string{pathVariable, "XDG_CONFIG_HOME=/config"}}},
		{ref: "registry.k8s.io/git-sync/git-sync:v4.7.1", debian: true, programs: map[string]string{"/git-sync": "git-sync"},
			files:  map[string]string{"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\ngit-sync:x:65533:65533::/tmp:/sbin/nologin\n"},
			config: v1.Config{Entrypoint: []string{"/git-sync"}, User: "65533:65533", WorkingDir: "/tmp", Env: []string{pathVariable, "HOME=/tmp"}}},
		{ref: "quay.io/prometheus/blackbox-exporter:v0.28.0", busybox: true, programs: map[string]string{"/bin/blackbox_exporter": "blackbox_exporter"},
			files:  map[string]string{"/etc/blackbox_exporter/config.yml": "modules:\n  http_2xx:\n    prober: http\n"},
			config: v1.Config{Entrypoint: []string{"/bin/blackbox_exporter"}, Cmd: []string{"--config.file=/etc/blackbox_exporter/config.yml"}, Env: []string{pathVariable}}},
		{ref: "quay.io/kiwigrid/k8s-sidecar:2.10.1", debian: true, programs: map[string]string{"/app/k8s-sidecar": "k8s-sidecar"},
			links:  map[string]string{"/usr/local/bin/python": "/usr/bin/python3"},
			files:  map[string]string{"/app/sidecar.py": "import os\nos.execv('/app/k8s-sidecar', ['k8s-sidecar'])\n"},
			config: v1.Config{Entrypoint: []string{"python", "-u", "-m", "sidecar"}, User: "65534:65534", WorkingDir: "/app", Env: []string{pathVariable}}},
		{ref: "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.0", busybox: true, programs: map[string]string{"/bin/prometheus-config-reloader": "prometheus-config-reloader"},
			files:  map[string]string{"/etc/passwd": "nobody:x:65534:65534::/:/bin/false\n"},
			config: v1.Config{Entrypoint: []string{"/bin/prometheus-config-reloader"}, User: "nobody"}},

		// Apps, and servers for the tests: git over http and ssh.
		{ref: "node.local/git-server:1", debian: true, programs: map[string]string{"/git-server": "git-server"},
			config: v1.Config{Entrypoint: []string{"/git-server"}, Env: []string{pathVariable}}},
		{ref: meshImage, debian: true, programs: map[string]string{"/mesh": "mesh"}, config: v1.Config{Entrypoint: []string{"/mesh"}, Env: []string{pathVariable}}},
		{ref: "docker.io/library/busybox:1.37", busybox: true, config: v1.Config{Cmd: []string{"sh"}, Env: []string{pathVariable}}},
		{ref: "docker.io/library/python:3.14-slim", debian: true, links: map[string]string{"/usr/local/bin/python": "/usr/bin/python3"}, config: v1.Config{Cmd: []string{"python3"}, Env: []string{pathVariable}}},
		{ref: "docker.io/nginxinc/nginx-unprivileged:1.29.4", debian: true,
			links: map[string]string{"/var/log/nginx/access.log": "/dev/stdout", "/var/log/nginx/error.log": "/dev/stderr"},
			files: map[string]string{
				"/etc/nginx/nginx.conf":            nginx,
				"/etc/nginx/conf.d/default.conf":   "server {\n  listen 8080;\n  location / { root /usr/share/nginx/html; index index.html; }\n}\n",
				"/usr/share/nginx/html/index.html": "<h1>Welcome to nginx!</h1>\n",
			},
			config: v1.Config{Entrypoint: []string{"nginx"}, Cmd: []string{"-g", "daemon off;"}, User: "101", Env: []string{pathVariable}, StopSignal: "SIGQUIT"}},
		{ref: "ghcr.io/stefanprodan/podinfo:6.9.2", programs: map[string]string{"/podinfo": "podinfo"}, config: v1.Config{Cmd: []string{"/podinfo"}, User: "100:101"}},
		{ref: "docker.io/grafana/grafana:9.3.8", busybox: true, programs: map[string]string{"/run.sh": "grafana"},
			config: v1.Config{Entrypoint: []string{"/run.sh"}, User: "472", Env: []string{pathVariable, "GF_PATHS_PROVISIONING=/etc/grafana/provisioning"}}},
		{ref: "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0", programs: map[string]string{"/kube-state-metrics": "kube-state-metrics"},
			config: v1.Config{Entrypoint: []string{"/kube-state-metrics"}, User: "65534"}},
		{ref: "quay.io/prometheus-operator/prometheus-operator:v0.93.0", programs: map[string]string{"/bin/operator": "operator"},
			config: v1.Config{Entrypoint: []string{"/bin/operator"}, User: "65534"}},
		{ref: "quay.io/prometheus/prometheus:v3.9.1", debian: true,
			files:  map[string]string{"/etc/prometheus/prometheus.yml": "global: {scrape_interval: 15s}\n"},
			config: v1.Config{Entrypoint: []string{"/usr/bin/prometheus"}, Cmd: []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"}, User: "65534:65534"}},
		{ref: "quay.io/prometheus/alertmanager:v0.31.0", debian: true,
			config: v1.Config{Entrypoint: []string{"/usr/bin/prometheus-alertmanager"}, User: "65534:65534"}},
		{ref: "quay.io/prometheus/node-exporter:v1.10.2", debian: true,
			config: v1.Config{Entrypoint: []string{"/usr/bin/prometheus-node-exporter"}, User: "65534:65534"}},
	}
}

const pathVariable = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
