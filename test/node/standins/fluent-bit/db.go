package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// db stores, by inode, up to which byte each file has been read.
type db struct {
	path    string // "": nothing is kept on disk
	offsets map[uint64]int64
}

func openDB(path string) (*db, error) {
	d := &db{path: path, offsets: map[uint64]int64{}}
	if path == "" {
		return d, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, d.save()
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := json.Unmarshal(text, &d.offsets); err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return d, nil
}

func (d *db) set(inode uint64, offset int64) error {
	if known, ok := d.offsets[inode]; ok && known == offset {
		return nil
	}
	d.offsets[inode] = offset
	return d.save()
}

func (d *db) forget(inode uint64) error {
	delete(d.offsets, inode)
	return d.save()
}

// save replaces the file atomically: a process that is killed leaves the old one or the new one.
func (d *db) save() error {
	if d.path == "" {
		return nil
	}
	text, err := json.Marshal(d.offsets)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return os.Rename(d.path+".new", d.path)
}
