package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const (
	// callers is the number of concurrent clients, each with its own connection.
	callers = 8
	// warm is the number of requests before the first measurement: by then, all caches are full. The largest
	// is that of renderings, up to 4 MiB of JSON in about four times as much memory (templates/renderings.go;
	// docs/decisions/0018).
	warm = 10_000
	// mostGrowth is the maximum growth of the heap in bytes. It allows for buffers that a collection may or
	// may not drop.
	mostGrowth = 8 << 20
)

// memory is the memory use of a process.
type memory struct {
	heap     uint64 // after a collection
	resident int64  // VmRSS; 0 if the system does not report it
}

func memoryNow() memory {
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m := memory{heap: stats.HeapAlloc}
	text, _ := os.ReadFile("/proc/self/status") // only Linux has it
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			_, _ = fmt.Sscanf(value, "%d kB", &m.resident)
			m.resident <<= 10
		}
	}
	return m
}

// memoryCommand sends hostile requests to the real handler over HTTPS and prints the memory use before and
// after.
func memoryCommand(arguments []string) error {
	flags := flag.NewFlagSet("memory", flag.ExitOnError)
	requests := flags.Int("requests", 50_000, "how `many` to send")
	_ = flags.Parse(arguments) // exits on an error
	before, after, err := hostile(warm, *requests)
	if err != nil {
		return err
	}
	const mib = 1 << 20
	fmt.Printf("after %d hostile requests: heap %.1f MiB, before %.1f MiB; resident %.1f MiB, before %.1f MiB\n", *requests,
		float64(after.heap)/mib, float64(before.heap)/mib, float64(after.resident)/mib, float64(before.resident)/mib)
	if after.heap > before.heap+mostGrowth {
		return fmt.Errorf("the heap has grown by more than %d MiB", mostGrowth/mib)
	}
	return nil
}

// hostileBodies returns the ith body, of many kinds: a small input of each group of rows, and bodies that are
// no admission reviews. Numbers in them make the answers differ.
func hostileBodies(i int) []byte {
	value := strings.Repeat("x", 1+i%2000)
	pods := []func() any{
		func() any {
			return asking(collector, object{collector + of + "logDir": fmt.Sprintf("/%d/%s", i, value)}, object{})
		},
		func() any {
			return asking(fmt.Sprintf("a%d=%s", i%100_000, collector), nil, object{"containers": apps(20)})
		},
		func() any { return collected(object{"containers": apps(1 + i%60)}) },
		func() any { return asking(fmt.Sprintf("nobody-%d", i), nil, object{}) },
		func() any {
			return asking(collector, object{fmt.Sprintf("%s%sp%d", collector, of, i): value}, object{})
		},
		func() any {
			return asking(collector, object{collector + of + "override": fmt.Sprintf("{resources: {limits: {memory: %dMi}}}", 1+i)}, object{})
		},
		func() any {
			return asking(collector, object{inject.StatusAnnotation: fmt.Sprintf(`{"x%d":{"containers":["a","b"]}}`, i)}, object{})
		},
		func() any {
			return collected(object{"containers": []any{with(app(0), object{"ports": same(200, object{"name": "fluent-bit-0", "containerPort": 2020})})}})
		},
		func() any {
			pod := asking(collector, nil, object{})
			pod["metadata"].(object)["ownerReferences"] = []any{object{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": fmt.Sprintf("r%d", i), "uid": fmt.Sprint(i), "controller": true}}
			return pod
		},
		func() any { return object{"metadata": i} },
	}
	if kind := i % (len(pods) + 3); kind < len(pods) {
		return reviewOf(pods[kind]())
	} else if kind == len(pods) {
		return []byte(`{"kind": "AdmissionReview", "request": {"uid": "` + value)
	} else if kind == len(pods)+1 {
		return []byte(strings.Repeat("[", 1+i%5000))
	}
	return []byte(value)
}

// hostile sends warm requests, measures the memory, sends the given number of requests, and measures again.
func hostile(warm, requests int) (before, after memory, err error) {
	set, _ := setOf(nil)
	handler := webhook.NewHandler(optionsOf(set))
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		return before, after, err
	}
	leaf, err := certs.NewLeaf(authority, []string{"127.0.0.1"}, time.Now)
	if err != nil {
		return before, after, err
	}
	server, err := webhook.NewServer("127.0.0.1:0", leaf.GetCertificate, handler, nil)
	if err != nil {
		return before, after, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() { cancel(); err = errors.Join(err, <-ended) }()
	for began := time.Now(); server.Served() != nil; time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			return before, after, errors.New("the server is not served within a minute")
		}
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Bundle())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: callers}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	send := func(from, to int) error {
		for i := from; i < to; i++ {
			answer, err := client.Post("https://"+server.Address()+webhook.Path, "application/json", bytes.NewReader(hostileBodies(i)))
			if err != nil {
				return fmt.Errorf("request %d: %w", i, err)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode >= http.StatusInternalServerError && answer.StatusCode != http.StatusServiceUnavailable {
				return fmt.Errorf("request %d: %s: %w", i, answer.Status, err)
			}
		}
		return nil
	}
	round := func(from, to int) error {
		var sending sync.WaitGroup
		faults := make([]error, callers)
		for c := range callers {
			share := (to - from) / callers
			sending.Go(func() { faults[c] = send(from+c*share, from+(c+1)*share) })
		}
		sending.Wait()
		return errors.Join(faults...)
	}
	if err := round(0, warm); err != nil {
		return before, after, err
	}
	before = memoryNow()
	if err := round(warm, warm+requests); err != nil {
		return before, after, err
	}
	return before, memoryNow(), nil
}
