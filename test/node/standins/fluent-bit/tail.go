package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// joinWait is how long a message waits for further lines.
const joinWait = 4 * time.Second

// tail follows files. Only the goroutine of run uses it.
type tail struct {
	tailOptions
	log      *logger
	emit     func(line string)
	db       *db
	notifier *notifier
	files    map[uint64]*file // by inode
	watches  map[int]*file
}

func newTail(o tailOptions, log *logger, emit func(string)) (*tail, error) {
	d, err := openDB(o.db)
	if err != nil {
		return nil, err
	}
	n, err := newNotifier()
	if err != nil {
		return nil, err
	}
	return &tail{o, log, emit, d, n, map[uint64]*file{}, map[int]*file{}}, nil
}

// run reads until ctx ends. When it returns, everything that it has read is emitted.
func (t *tail) run(ctx context.Context) {
	defer t.close()
	refresh := time.NewTicker(t.refresh)
	defer refresh.Stop()
	ripe := time.NewTicker(time.Second / 4)
	defer ripe.Stop()
	t.scan(true)
	for {
		select {
		case <-ctx.Done():
			return
		case <-refresh.C:
			t.scan(false)
		case e := <-t.notifier.events:
			t.handle(e)
		case now := <-ripe.C:
			t.ripen(now)
		}
	}
}

// scan looks for files that are new.
func (t *tail) scan(start bool) {
	for _, glob := range t.paths {
		found, err := filepath.Glob(glob)
		if err != nil {
			t.log.errorf("cannot scan %s: %v", glob, err)
		}
		for _, path := range found {
			if !t.excluded(path) {
				t.discover(path, start)
			}
		}
	}
}

func (t *tail) excluded(path string) bool {
	return slices.ContainsFunc(t.exclude, func(re *regexp.Regexp) bool { return re.MatchString(path) })
}

func (t *tail) discover(path string, start bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || t.files[inode(info)] != nil {
		return
	}
	opened, err := os.Open(path)
	if err == nil {
		info, err = opened.Stat()
	}
	if err != nil {
		t.log.errorf("cannot %v", err)
		return
	}
	f := &file{File: opened, inode: inode(info), offset: t.begin(info, start)}
	if f.watch, err = t.notifier.add(opened); err != nil {
		t.log.errorf("cannot watch %s: %v", path, err)
		opened.Close()
		return
	}
	t.files[f.inode], t.watches[f.watch] = f, f
	t.log.infof("inotify_fs_add(): inode=%d watch_fd=%d name=%s", f.inode, f.watch, path)
	t.read(f)
}

// begin returns the offset at which the reading of a new file starts.
func (t *tail) begin(info os.FileInfo, start bool) int64 {
	if offset, known := t.db.offsets[inode(info)]; known && offset <= info.Size() {
		return offset
	}
	if start && !t.fromHead {
		return info.Size()
	}
	return 0
}

func inode(info os.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func (t *tail) handle(e event) {
	f := t.watches[e.watch]
	if f == nil {
		return
	}
	if e.mask&unix.IN_MOVE_SELF != 0 && f.rotated.IsZero() {
		f.rotated = time.Now()
	}
	t.read(f)
	if info, err := f.Stat(); err == nil && info.Sys().(*syscall.Stat_t).Nlink == 0 {
		t.drop(f)
	}
}

// read reads a file from the current offset to its end.
func (t *tail) read(f *file) {
	if info, err := f.Stat(); err == nil && info.Size() < f.offset {
		t.log.infof("inode=%d file truncated %s", f.inode, f.Name())
		f.rewind()
	}
	tooLong := false
	buffer := make([]byte, 32<<10)
	for {
		n, err := f.ReadAt(buffer, f.offset)
		f.take(buffer[:n], t.longestLine, func(line string) { t.line(f, line) }, func(beginning string) {
			if t.cutLongLine {
				t.line(f, beginning)
			} else {
				tooLong = true
			}
		})
		if tooLong && !t.skipLongLine {
			t.log.errorf("file=%s requires a larger buffer size, lines are too long. Skipping file.", f.Name())
			f.offset = f.done()
			t.unwatch(f)
			return
		}
		if err != nil && !errors.Is(err, io.EOF) {
			t.log.errorf("cannot read %s: %v", f.Name(), err)
		}
		if n == 0 || err != nil {
			break
		}
	}
	if tooLong {
		t.log.warnf("file=%s have long lines. Skipping long lines.", f.Name())
	}
	t.remember(t.db.set(f.inode, f.done()))
}

func (t *tail) line(f *file, line string) {
	if !t.multiline {
		t.emit(line)
	} else if message, complete := f.join(line, time.Now()); complete {
		t.emit(message)
	}
}

// ripen emits messages that have waited for joinWait, and drops files that were rotated before rotateWait.
func (t *tail) ripen(now time.Time) {
	for _, f := range t.files {
		if now.Sub(f.since) >= joinWait {
			t.finish(f)
		}
		if !f.rotated.IsZero() && now.Sub(f.rotated) >= t.rotateWait {
			t.drop(f)
		}
	}
}

func (t *tail) finish(f *file) {
	if message, left := f.rest(); left {
		t.emit(message)
	}
}

// drop stops following a file that was rotated or deleted.
func (t *tail) drop(f *file) {
	t.finish(f)
	t.unwatch(f)
	f.Close()
	delete(t.files, f.inode)
	t.remember(t.db.forget(f.inode))
	t.log.infof("inotify_fs_remove(): inode=%d watch_fd=%d", f.inode, f.watch)
}

func (t *tail) unwatch(f *file) {
	t.notifier.remove(f.watch)
	delete(t.watches, f.watch)
}

func (t *tail) remember(err error) {
	if err != nil {
		t.log.errorf("%v", err)
	}
}

func (t *tail) close() {
	for _, f := range t.files {
		t.finish(f)
		f.Close()
	}
	t.notifier.close()
}
