package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// receiver is a server to which records are posted.
type receiver struct {
	url            string
	user, password string
	client         *http.Client
}

func newReceiver(s *settings, port int, uri string) (receiver, error) {
	host := net.JoinHostPort(s.text("host", "127.0.0.1"), strconv.Itoa(s.integer("port", port, 1)))
	scheme := "http"
	if s.boolean("tls", false) {
		scheme = "https"
	}
	trust, err := newTrust(s.boolean("tls.verify", true), s.take("tls.ca_file"))
	if err != nil {
		return receiver{}, err
	}
	return receiver{
		url:      scheme + "://" + host + s.text("uri", uri),
		user:     s.take("http_user"),
		password: s.take("http_passwd"),
		client:   &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: trust}},
	}, nil
}

func newTrust(verify bool, authorities string) (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: !verify}
	if authorities == "" {
		return config, nil
	}
	text, err := os.ReadFile(authorities)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls.ca_file: no certificate in %s", authorities)
	}
	return config, nil
}

func (r receiver) post(ctx context.Context, body []byte, header http.Header) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	if r.user != "" {
		request.SetBasicAuth(r.user, r.password)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return status(response.StatusCode)
}

// status returns nil for a success. Of the client errors (4xx), only 408 and 429 are worth a retry.
func status(code int) error {
	switch {
	case code/100 == 2:
		return nil
	case code/100 == 4 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests:
		return fmt.Errorf("HTTP status %d: %w", code, errRefused)
	}
	return fmt.Errorf("HTTP status %d", code)
}

// httpOutput posts a JSON list of records.
type httpOutput struct{ receiver }

func newHTTPOutput(s *settings) (output, error) {
	r, err := newReceiver(s, 80, "/")
	if err != nil {
		return nil, err
	}
	s.choice("format", "json")
	return &httpOutput{r}, s.err()
}

func (o *httpOutput) send(ctx context.Context, records []record) error {
	texts := make([][]byte, len(records))
	for i, r := range records {
		texts[i] = r.json(true)
	}
	body := slices.Concat([]byte{'['}, bytes.Join(texts, []byte{','}), []byte{']'})
	return o.post(ctx, body, http.Header{})
}

// lokiOutput pushes one stream of records.
type lokiOutput struct {
	receiver
	tenant string
	labels map[string]string
}

func newLokiOutput(s *settings) (output, error) {
	r, err := newReceiver(s, 3100, "/loki/api/v1/push")
	if err != nil {
		return nil, err
	}
	o := &lokiOutput{r, s.take("tenant_id"), map[string]string{}}
	for _, label := range s.list("labels") {
		name, value, ok := strings.Cut(label, "=")
		if !ok || name == "" || strings.HasPrefix(value, "$") {
			s.fail("labels", label, "name=value; fields of a record are not in this stand-in")
		}
		o.labels[name] = value
	}
	if len(o.labels) == 0 {
		o.labels["job"] = "fluent-bit"
	}
	return o, s.err()
}

type lokiStream struct {
	Stream map[string]string `json:"stream"`
	Values [][2]string       `json:"values"` // nanoseconds and line
}

func (o *lokiOutput) send(ctx context.Context, records []record) error {
	stream := lokiStream{Stream: o.labels}
	for _, r := range records {
		stream.Values = append(stream.Values, [2]string{strconv.FormatInt(r.time.UnixNano(), 10), string(r.json(false))})
	}
	body, err := json.Marshal(map[string][]lokiStream{"streams": {stream}})
	if err != nil {
		return err
	}
	header := http.Header{}
	if o.tenant != "" {
		header.Set("X-Scope-OrgID", o.tenant)
	}
	return o.post(ctx, body, header)
}
