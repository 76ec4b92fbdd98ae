package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// suite is the node that all tests use.
var suite *node

var running = flag.Bool("running", false, "use the node that make node has left up, and leave it")

func TestMain(m *testing.M) { os.Exit(runSuite(m)) }

// runSuite starts a node and removes it afterwards, also after an interrupt.
func runSuite(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, err := newNode(os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	suite = n
	flag.Parse()
	if *running {
		if err := n.attach(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 1
		}
		defer n.printTold()
		return m.Run()
	}
	if err := n.up(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	go func() {
		<-ctx.Done()
		if err := n.down(); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
		}
		os.Exit(130)
	}()
	code = m.Run()
	begun := time.Now()
	if err := n.down(); err != nil {
		fmt.Fprintln(os.Stderr, "error: the node was not taken away:", err)
		code = 1
	}
	if left := n.left(); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "error: the node has left\n%s\n", strings.Join(left, "\n"))
		code = 1
	}
	n.log("the node is gone, in %.1f s", time.Since(begun).Seconds())
	n.printTold()
	return code
}

func (n *node) printTold() {
	for _, line := range n.told {
		fmt.Fprintln(os.Stderr, line)
	}
}

// report records a figure that is printed after all tests.
func report(format string, args ...any) {
	suite.telling.Lock()
	defer suite.telling.Unlock()
	suite.told = append(suite.told, fmt.Sprintf(format, args...))
}
