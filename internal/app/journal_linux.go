package app

import (
	"fmt"
	"os"
	"syscall"
)

// isJournal reports whether what is written to a file goes to systemd's
// journal, which the variable JOURNAL_STREAM tells by device and inode
// (systemd.exec(5)): a program may have inherited it and be redirected since.
func isJournal(file *os.File, stream string) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	at, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", at.Dev, at.Ino)
}
