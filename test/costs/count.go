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

// counted is the result of counting one row.
type counted struct {
	Name string `json:"name"`
	// Bounded and N are the row's. For each of the two sizes, Bytes is the size of the input, Outcomes the
	// outcome, and Work the number of executed blocks.
	Bounded  string    `json:"bounded"`
	N        int       `json:"n"`
	Bytes    [2]int    `json:"bytes"`
	Outcomes [2]string `json:"outcomes"`
	Work     [2]uint64 `json:"work"`
	// Folders hold the counters of each size if a block has grown too much; else "".
	Folders [2]string `json:"folders"`
}

// countCommand does the work of each row at both sizes, and writes rows.json, and the counters of the rows
// that violate their bounds, into a folder.
func countCommand(arguments []string) error {
	flags := flag.NewFlagSet("count", flag.ExitOnError)
	only := selection(flags)
	_ = flags.Parse(arguments) // exits on an error
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

// countRow counts both sizes; counters to keep are written to folders whose names begin with folder.
func countRow(row law, folder string) (counted, error) {
	c := counted{Name: row.name, Bounded: row.bounded, N: row.n}
	// Values that a process makes only once are made before counting.
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

// counterFileName returns the name by which covdata matches the counters with their metadata file: both names
// contain the hash from the counters' header.
func counterFileName(file []byte) string {
	return fmt.Sprintf("covcounters.%x.1.1", file[8:24])
}
