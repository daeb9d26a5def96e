package world

import (
	"errors"
	"os"
	"path/filepath"
)

// StartNginx starts nginx with a configuration. Its Stop ends it.
func (w *World) StartNginx(configuration string) (*Process, error) {
	root, err := w.Root("proxies")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(w.Dir, "nginx/nginx.conf")
	if err := errors.Join(w.folders("nginx"), os.WriteFile(path, []byte(configuration), 0o644)); err != nil {
		return nil, err
	}
	return Run("nginx", root.Command(w.Dir, "nginx", "-g", "daemon off;", "-c", path))
}
