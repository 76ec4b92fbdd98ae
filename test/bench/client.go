//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httputil"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// requestTimeout is the maximum time of one request, so that a run ends even if a server hangs.
const requestTimeout = 30 * time.Second

// client is one persistent connection. It parses responses itself, because net/http's client would use about
// as much CPU as the servers.
type client struct {
	connection *tls.Conn
	reader     *bufio.Reader
	request    []byte // headers and body
	body       []byte // body of the last response
}

func connect(s *server, b body) (*client, error) {
	c, err := dial(s)
	if err == nil {
		c.request = newRequest(s, b.json)
	}
	return c, err
}

// dial opens a connection; its request is not set.
func dial(s *server) (*client, error) {
	connection, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.trusted, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", s.name, err)
	}
	return &client{connection: connection, reader: bufio.NewReaderSize(connection, 32<<10)}, nil
}

// newRequest returns the HTTP request of a review, as the API server sends it.
func newRequest(s *server, review []byte) []byte {
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: kube-apiserver-admission\r\n"+
		"Accept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", floorPath, s.address, len(review))
	return append(request, review...)
}

func (c *client) close() { _ = c.connection.Close() }

// post sends the request and reads the response; a status other than 200 is an error.
func (c *client) post() error {
	if err := c.connection.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	if _, err := c.connection.Write(c.request); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	status := string(line)
	length, chunked, err := c.headers()
	if err != nil {
		return err
	}
	if err := c.read(length, chunked); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("answer %q: %.200s", status, c.body)
	}
	return nil
}

// headers reads the headers; length is -1 if the response has no Content-Length.
func (c *client) headers() (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, chunked, nil
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) { // as net/http writes them
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, false, err
			}
		case "Transfer-Encoding":
			chunked = string(value) == "chunked"
		case "Connection":
			return 0, false, fmt.Errorf("answer: the server does not keep the connection: %q", value)
		}
	}
}

func (c *client) read(length int, chunked bool) (err error) {
	switch {
	case chunked:
		if c.body, err = io.ReadAll(httputil.NewChunkedReader(c.reader)); err != nil {
			return err
		}
		_, err = c.reader.Discard(len("\r\n")) // the end of the empty trailer
	case length >= 0:
		c.body = slices.Grow(c.body[:0], length)[:length]
		_, err = io.ReadFull(c.reader, c.body)
	default:
		err = errors.New("answer: neither its length nor chunks")
	}
	return err
}

// answered describes the first response of a place.
type answered struct{ operations, bytes int }

// check sends one request and checks the response, so that a fast error is not measured as a fast answer.
func check(s *server, b body) (answered, error) {
	c, err := connect(s, b)
	if err != nil {
		return answered{}, err
	}
	defer c.close()
	if err := c.post(); err != nil {
		return answered{}, fmt.Errorf("server %s, body %s: %w", s.name, b.name, err)
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(c.body, &review); err != nil {
		return answered{}, fmt.Errorf("server %s, body %s: answer: %w", s.name, b.name, err)
	}
	if review.Response == nil || !review.Response.Allowed {
		return answered{}, fmt.Errorf("server %s, body %s: refused: %.500s", s.name, b.name, c.body)
	}
	var operations []json.RawMessage
	if len(review.Response.Patch) > 0 {
		if err := json.Unmarshal(review.Response.Patch, &operations); err != nil {
			return answered{}, fmt.Errorf("server %s, body %s: patch: %w", s.name, b.name, err)
		}
	}
	return answered{len(operations), len(review.Response.Patch)}, nil
}

// spent is the cost of a number of requests.
type spent struct {
	Requests  int     `json:"requests"`
	CPU       float64 `json:"cpuMicroseconds"` // of the server, per request
	P50       float64 `json:"p50Microseconds"`
	P99       float64 `json:"p99Microseconds"`
	PerSecond float64 `json:"perSecond"`
}

// drive sends n requests over that many connections, each as soon as the connection has its response.
func drive(s *server, b body, connections, n int) (spent, error) {
	clients := make([]*client, connections)
	for i := range clients {
		c, err := connect(s, b)
		if err != nil {
			return spent{}, err
		}
		defer c.close()
		clients[i] = c
	}
	warm := connections * 4
	if _, _, err := round(clients, warm); err != nil {
		return spent{}, fmt.Errorf("server %s, body %s: %w", s.name, b.name, err)
	}
	before, err := s.cpu()
	if err != nil {
		return spent{}, err
	}
	latencies, took, err := round(clients, n)
	if err != nil {
		return spent{}, fmt.Errorf("server %s, body %s: %w", s.name, b.name, err)
	}
	after, err := s.cpu()
	if err != nil {
		return spent{}, err
	}
	slices.Sort(latencies)
	return spent{
		Requests:  n,
		CPU:       microseconds(after-before) / float64(n),
		P50:       microseconds(quantile(latencies, 0.50)),
		P99:       microseconds(quantile(latencies, 0.99)),
		PerSecond: float64(n) / took.Seconds(),
	}, nil
}

// round sends n requests and returns the time of each, and the total time.
func round(clients []*client, n int) ([]time.Duration, time.Duration, error) {
	latencies := make([]time.Duration, n)
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, len(clients))
	start := time.Now()
	for i, c := range clients {
		group.Go(func() {
			for at := next.Add(1) - 1; at < int64(n); at = next.Add(1) - 1 {
				begin := time.Now()
				if errs[i] = c.post(); errs[i] != nil {
					return
				}
				latencies[at] = time.Since(begin)
			}
		})
	}
	group.Wait()
	return latencies, time.Since(start), errors.Join(errs...)
}

// quantile returns a quantile of sorted values by the nearest-rank method.
func quantile(sorted []time.Duration, q float64) time.Duration {
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(at, 0)]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// allowed reports whether the last response admits the pod.
func (c *client) allowed() bool { return bytes.Contains(c.body, []byte(`"allowed":true`)) }
