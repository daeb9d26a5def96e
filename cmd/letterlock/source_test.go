package main

import (
	"strings"
	"testing"
)

// Beside a file, flags and variables that replace one are an error.
func TestFileStandsAlone(t *testing.T) {
	file := writeFile(t, "hostname: mail.example.com\nlisteners: [{service: imaps, backend: b}]\n")
	const beside = ": means nothing beside the configuration file "
	for name, c := range map[string]struct {
		args   []string
		env    map[string]string
		status int
		want   string
	}{
		"a flag":                      {[]string{"--config", file, "--backend", "b"}, nil, exitFailed, "--backend" + beside + file + "\n  write it in the file"},
		"a variable":                  {[]string{"--config", file}, map[string]string{"LETTERLOCK_LOG_LEVEL": "debug"}, exitFailed, "LETTERLOCK_LOG_LEVEL" + beside + file},
		"a variable and one's own":    {nil, map[string]string{"LETTERLOCK_CONFIG": file, "LETTERLOCK_BACKEND": "b"}, exitFailed, "LETTERLOCK_BACKEND" + beside + file},
		"a flag and the variable":     {[]string{"--hostname", "a.example"}, map[string]string{"LETTERLOCK_CONFIG": file}, exitFailed, "--hostname" + beside + file},
		"one service's variable":      {nil, map[string]string{"LETTERLOCK_CONFIG": file, "LETTERLOCK_IMAP_BACKEND": "b"}, exitFailed, "LETTERLOCK_IMAP_BACKEND" + beside + file},
		"quotes of an env file":       {nil, map[string]string{"LETTERLOCK_CONFIG": `"` + file + `"`}, exitFailed, "LETTERLOCK_CONFIG: the quotes in"},
		"the file by its variable":    {nil, map[string]string{"LETTERLOCK_CONFIG": file}, exitOK, ""},
		"the file twice":              {[]string{"--config", file}, map[string]string{"LETTERLOCK_CONFIG": "/nope"}, exitOK, ""},
		"--backend, not the variable": {[]string{"--backend", "10.0.0.5"}, map[string]string{"LETTERLOCK_CONFIG": "/nope"}, exitOK, ""},
		"others' variables":           {[]string{"--config", file}, map[string]string{"LETTERLOCK_SERVICE_HOST": "10.0.0.1", "LETTERLOCK_OF_SOMEBODY": "1", "LETTERLOCK_HOSTNAME": ""}, exitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			status, _, said := words(append([]string{"config", "check"}, c.args...)...)
			if status != c.status || !strings.Contains(said, c.want) {
				t.Errorf("%d %s", status, said)
			}
		})
	}
}
