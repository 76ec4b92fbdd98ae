package main

import (
	"bytes"
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
	// Bounded and N are the row's. Of each size, Bytes is that of the input, Outcomes what became
	// of it, and Work how many blocks were executed.
	Bounded  string    `json:"bounded"`
	N        int       `json:"n"`
	Bytes    [2]int    `json:"bytes"`
	Outcomes [2]string `json:"outcomes"`
	Work     [2]uint64 `json:"work"`
	// Folders hold the counters of each size where a block has grown too much; else "".
	Folders [2]string `json:"folders"`
}

// countCommand does the work of each row at both sizes, and leaves rows.json in a folder,
// and the counters of the rows that have to be looked at.
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
	var all []counted
	for i, row := range rows {
		c, err := countRow(row, filepath.Join(folder, strconv.Itoa(i)))
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		all = append(all, c)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "rows.json"), text, 0o600)
}

// countRow counts both sizes; what is to be kept goes to folders whose names begin as given.
func countRow(row law, folder string) (counted, error) {
	c := counted{Name: row.name, Bounded: row.bounded, N: row.n}
	// What is only made once in a process is made before.
	if _, err := row.build(1).do(); err != nil {
		return c, err
	}
	var files [2][]byte
	for i, n := range []int{row.n, 2 * row.n} {
		work := row.build(n)
		if work.refused {
			return c, fmt.Errorf("%d: its template is not loaded; want a smaller size", n)
		}
		if err := coverage.ClearCounters(); err != nil {
			return c, err
		}
		outcome, err := work.do()
		if err != nil {
			return c, fmt.Errorf("%d: %w", n, err)
		}
		var file bytes.Buffer
		if err := coverage.WriteCounters(&file); err != nil {
			return c, err
		}
		files[i], c.Bytes[i], c.Outcomes[i] = file.Bytes(), work.bytes, outcome()
	}
	small, known := decodeCounters(files[0])
	large, alsoKnown := decodeCounters(files[1])
	if known && alsoKnown {
		v := judge(row.n, row.bounded != "", small, large)
		if c.Work = v.work; len(v.faults) == 0 {
			return c, nil
		}
	}
	for i := range files {
		c.Folders[i] = folder + "-" + strconv.Itoa(i)
		if err := os.Mkdir(c.Folders[i], 0o700); err != nil {
			return c, err
		}
		if err := coverage.WriteMetaDir(c.Folders[i]); err != nil {
			return c, err
		}
		if err := os.WriteFile(filepath.Join(c.Folders[i], counterFileName(files[i])), files[i], 0o600); err != nil {
			return c, err
		}
	}
	return c, nil
}

// counterFileName is how covdata finds the counters that belong to a description: both names
// have the hash that stands in the counters' header.
func counterFileName(file []byte) string {
	return fmt.Sprintf("covcounters.%x.1.1", file[8:24])
}
