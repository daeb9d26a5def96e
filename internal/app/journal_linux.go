package app

import (
	"fmt"
	"os"
	"syscall"
)

// isJournal reports whether a file is the stream to systemd's journal, which
// JOURNAL_STREAM identifies by device and inode (systemd.exec(5)). The variable
// alone is not sufficient: a program may inherit it and be redirected
// afterwards.
func isJournal(file *os.File, stream string) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	at, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", at.Dev, at.Ino)
}
