package containerd

import (
	"os"
	"sync"
)

// logLimit bounds a log file; beside it lies an old one of at most the same size.
const logLimit = 5 << 20

// A boundedLog is a file that is put aside when it has grown, in place of the one that was put aside before.
type boundedLog struct {
	name  string
	limit int64

	mu   sync.Mutex // standard output and standard error may each have a goroutine
	file *os.File
	size int64
}

func openLog(name string, limit int64) (*boundedLog, error) {
	l := &boundedLog{name: name, limit: limit}
	return l, l.open()
}

func (l *boundedLog) open() (err error) {
	l.file, err = os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	l.size = info.Size()
	return nil
}

// Write never fails: whoever logs must not die of a full disk.
func (l *boundedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(p)) > l.limit && l.size > 0 {
		_ = l.file.Close()
		_ = os.Rename(l.name, l.name+".1")
		_ = l.open() // a file that is not open refuses what is written, and is opened again by and by
	}
	n, _ := l.file.Write(p)
	l.size += int64(n)
	return len(p), nil
}

func (l *boundedLog) Close() error { return l.file.Close() }
