package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/coverage"
	"strconv"
)

// counted is one row as count tells it.
type counted struct {
	Name string `json:"name"`
	// Bounded is the row's.
	Bounded string `json:"bounded"`
	// N is the smaller size. Of each size, Bytes is that of the input and Outcomes what became of it.
	N        int       `json:"n"`
	Bytes    [2]int    `json:"bytes"`
	Outcomes [2]string `json:"outcomes"`
	// Folders hold the counters of each size.
	Folders [2]string `json:"folders"`
}

// countCommand does the work of each row at both sizes, and leaves for each a folder with
// the counters of all that was executed, and rows.json.
func countCommand(arguments []string) error {
	flags := flag.NewFlagSet("count", flag.ExitOnError)
	only := selection(flags)
	_ = flags.Parse(arguments) // ends the program where it cannot
	if flags.NArg() != 1 {
		return errors.New("count: want the folder for the counters")
	}
	folder := flags.Arg(0)
	rows, err := selected(*only)
	if err != nil {
		return err
	}
	if err := coverage.WriteMetaDir(folder); err != nil {
		return fmt.Errorf("counters: %w", err)
	}
	meta, err := filepath.Glob(filepath.Join(folder, "covmeta.*"))
	if err != nil || len(meta) != 1 {
		return fmt.Errorf("counters: description: %v, %w", meta, err)
	}
	var all []counted
	for i, row := range rows {
		c := counted{Name: row.name, N: row.n, Bounded: row.bounded}
		for k, n := range []int{row.n, 2 * row.n} {
			c.Folders[k] = filepath.Join(folder, strconv.Itoa(i)+"-"+strconv.Itoa(n))
			if c.Bytes[k], c.Outcomes[k], err = count(row, n, meta[0], c.Folders[k]); err != nil {
				return fmt.Errorf("%s, %d: %w", row.name, n, err)
			}
		}
		all = append(all, c)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "rows.json"), text, 0o600)
}

// count does the work of one size. What is only made once in a process is made before,
// by work of the smallest size.
func count(row law, n int, meta, folder string) (bytes int, became string, err error) {
	if _, err := row.build(1).do(); err != nil {
		return 0, "", err
	}
	work := row.build(n)
	if err := coverage.ClearCounters(); err != nil {
		return 0, "", err
	}
	outcome, err := work.do()
	if err != nil {
		return 0, "", err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return 0, "", err
	}
	if err := os.Link(meta, filepath.Join(folder, filepath.Base(meta))); err != nil {
		return 0, "", err
	}
	if err := coverage.WriteCountersDir(folder); err != nil {
		return 0, "", err
	}
	return work.bytes, outcome(), nil
}
