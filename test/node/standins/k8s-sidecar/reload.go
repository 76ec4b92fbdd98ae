package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"time"
)

// reload is the URL that is called after a change.
type reload struct {
	url                string // "" for none
	method             string
	username, password string
	retries            int
	backoff            time.Duration
	timeout            time.Duration
}

// call calls the URL, and retries if there is no response or a server error (5xx). Any other response counts
// as success, even that the password is wrong.
func (r reload) call(ctx context.Context) (answer string, err error) {
	for attempt := range r.retries + 1 {
		if attempt > 1 {
			wait(ctx, r.backoff<<(attempt-1))
		}
		if answer, err = r.once(ctx); err == nil || ctx.Err() != nil {
			return answer, err
		}
	}
	return "", err
}

func (r reload) once(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, r.method, r.url, nil)
	if err != nil {
		return "", err
	}
	if r.username != "" && r.password != "" {
		request.SetBasicAuth(r.username, r.password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	switch response.StatusCode {
	case 500, 502, 503, 504:
		return "", fmt.Errorf("%s %s: %s", r.method, r.url, response.Status)
	}
	return fmt.Sprintf("%s %s", response.Status, body), nil
}

// changed runs the script and calls the URL. Errors of both are only logged.
func (y *syncer) changed(ctx context.Context, call bool) {
	if y.script != "" {
		y.log.Debug("Executing script from " + y.script)
		if out, err := exec.CommandContext(ctx, "sh", y.script).CombinedOutput(); err != nil {
			y.log.Error(fmt.Sprintf("Script failed with error: %v: %s", err, out))
		}
	}
	if y.reload.url == "" || !call {
		return
	}
	answer, err := y.reload.call(ctx)
	if err != nil {
		y.log.Error("Max retries exceeded for URL " + y.reload.url + ": " + err.Error())
		return
	}
	y.log.Info("Request sent to " + y.reload.url + ". Response: " + answer)
}

// wait returns when d is over or ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
